import assert from "node:assert/strict";
import { test } from "node:test";
import { contentType, judged } from "../src/pictures.js";

const bytes = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const box = (...brands) => `\0\0\0${String.fromCharCode(16 + 4 * (brands.length - 1))}ftyp${brands[0]}\0\0\0\0${brands.slice(1).join("")}`;
const JPEG = "\xff\xd8\xff\xe1";

for (const [head, type] of [
  [JPEG, "image/jpeg"],
  ["\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"],
  ["GIF89a", "image/gif"],
  ["GIF87a", "image/gif"],
  ["RIFF\n\r\0\0WEBPVP8 ", "image/webp"],
  [box("avif", "mif1", "miaf"), "image/avif"],
  [box("avis", "msf1"), "image/avif"],
  [box("heic", "mif1"), "image/heic"],
  [box("heix", "mif1", "heic"), "image/heic"],
  [box("mif1", "heic", "miaf"), "image/heic"],
  [box("mif1", "avif", "miaf"), "image/avif"],
  [box("mif1", "miaf"), "image/heif"],
  [box("msf1", "hevc"), "image/heic"],
  [box("isom", "mp42"), null],
  [`${box("mp42", "isom")}heic`, null],
  [box("qt  "), null],
  ["RIFF\n\r\0\0WAVEfmt ", null],
  ["RIFF\n\r\0\0WEB", null],
  ["%PDF-1.7", null],
  ["<svg xmlns=", null],
  ["BM\x36\0", null],
  ["II*\0", null],
  ["GIF88a", null],
  ["This is no picture.", null],
  ["\xff\xd8", null],
  ["\0\0\0\x20ft", null],
]) {
  test(`the first bytes ${JSON.stringify(head.slice(0, 24))} show ${type}`, () => {
    assert.equal(contentType(bytes(head)), type);
  });
}

const file = (head, name = "", size = head.length) => {
  const made = new File([bytes(head)], name);
  return Object.defineProperty(made, "size", { value: size });
};

test("a picture needs neither a name nor a type", async () => {
  assert.deepEqual([(await judged(file(JPEG))).type, (await judged(file(JPEG, "a.HIF"))).objection], ["image/jpeg", null]);
});

test("other files are refused with a text", async () => {
  const objection = async (...of) => (await judged(file(...of))).objection;
  assert.equal(await objection("This is no picture.", "note.jpg"), "picker.unsupported");
  assert.equal(await objection("", "a.jpg"), "picker.empty");
  assert.equal(await objection(JPEG, "a.jpg", 20_000_000 + 1), "picker.tooLarge");
  assert.equal(await objection(JPEG, "a.jpg", 20_000_000), null);
});
