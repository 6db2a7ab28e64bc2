import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { preferredLanguage, text } from "../src/texts.js";
import { en } from "../src/texts/en.js";
import { ko } from "../src/texts/ko.js";
import { STATUSES } from "../src/tracks.js";
import { GENRES } from "../src/wishes.js";

// What is an English word already needs no English text.
const KOREAN_ONLY = ["genres", "instruments", "moods"];

function keys(texts, prefix = "") {
  return Object.entries(texts).flatMap(([name, value]) =>
    typeof value === "string" ? [prefix + name] : keys(value, `${prefix}${name}.`),
  );
}

test("both languages have the same texts", () => {
  const korean = keys(ko).filter((key) => !KOREAN_ONLY.includes(key.split(".")[0]));
  assert.deepEqual(korean, keys(en));
});

test("every text has the same places in both languages", () => {
  const places = (language, key) => (text(language, key).match(/\{\w+\}/g) ?? []).sort();
  for (const key of keys(en)) assert.deepEqual(places("ko", key), places("en", key), key);
});

test("every text that the document names exists", async () => {
  const page = await readFile(new URL("../index.html", import.meta.url), "utf8");
  const named = [...page.matchAll(/data-(?:text|label|placeholder)="([^"]+)"/g)].map(([, key]) => key);
  assert.ok(named.length > 20);
  for (const key of named) assert.ok(keys(en).includes(key), key);
});

test("every status and genre has words", () => {
  assert.deepEqual(STATUSES, Object.keys(ko.status));
  assert.deepEqual(GENRES, Object.keys(ko.genres));
});

test("the browser's first language that the page speaks is taken, Korean if none is", () => {
  assert.equal("en", preferredLanguage(["fr-FR", "en-GB", "ko"]));
  assert.equal("ko", preferredLanguage(["ko-KR", "en"]));
  assert.equal("ko", preferredLanguage(["fr"]));
});

test("an unknown key gives the words that came with it", () => {
  assert.equal("zany", text("ko", "moods.zany", {}, "zany"));
  assert.equal("Too many requests.", text("en", "Too many requests."));
});
