import assert from "node:assert/strict";
import { test } from "node:test";
import { contentType, objection } from "../src/pictures.js";

const picture = (name, type, size = 1000) => ({ name, type, size });

test("the browser's type is taken where it is one that is accepted", () => {
  assert.equal("image/png", contentType(picture("photo.jpg", "image/png")));
});

test("the extension decides where the browser gives no type", () => {
  assert.equal("image/heic", contentType(picture("IMG_1.HEIC", "")));
  assert.equal("image/avif", contentType(picture("a.b.avif", "application/octet-stream")));
});

test("other files are refused in words", () => {
  assert.equal("picker.unsupported", objection(picture("notes.txt", "text/plain")));
  assert.equal("picker.unsupported", objection(picture("drawing.svg", "image/svg+xml")));
  assert.equal("picker.empty", objection(picture("a.jpg", "image/jpeg", 0)));
  assert.equal("picker.tooLarge", objection(picture("a.jpg", "image/jpeg", 20_000_000 + 1)));
  assert.equal(null, objection(picture("a.jpg", "image/jpeg", 20_000_000)));
});
