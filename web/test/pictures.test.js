import assert from "node:assert/strict";
import { test } from "node:test";
import { contentType, objection } from "../src/pictures.js";

const picture = (name, type, size = 1000) => ({ name, type, size });

test("the browser's type is used if it is an accepted one", () => {
  assert.equal(contentType(picture("photo.jpg", "image/png")), "image/png");
});

test("the extension decides if the browser gives no type", () => {
  assert.equal(contentType(picture("IMG_1.HEIC", "")), "image/heic");
  assert.equal(contentType(picture("a.b.avif", "application/octet-stream")), "image/avif");
});

test("other files are refused with a reason", () => {
  assert.equal(objection(picture("notes.txt", "text/plain")), "picker.unsupported");
  assert.equal(objection(picture("drawing.svg", "image/svg+xml")), "picker.unsupported");
  assert.equal(objection(picture("a.jpg", "image/jpeg", 0)), "picker.empty");
  assert.equal(objection(picture("a.jpg", "image/jpeg", 20_000_000 + 1)), "picker.tooLarge");
  assert.equal(objection(picture("a.jpg", "image/jpeg", 20_000_000)), null);
});
