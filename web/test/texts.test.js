import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { preferredLanguage, text } from "../src/texts.js";
import { STATUSES } from "../src/tracks.js";
import { GENRES } from "../src/wishes.js";
import { en, ko } from "./words.js";

const parts = (await readdir(new URL("../parts/", import.meta.url))).map((name) => `../parts/${name}`);
const DOCUMENTS = ["../index.html", "../share.html", ...parts];
// What is an English word already needs no English text.
const KOREAN_ONLY = ["genres", "instruments", "moods"];

function keys(texts, prefix = "") {
  return Object.entries(texts).flatMap(([name, value]) =>
    typeof value === "string" ? [prefix + name] : keys(value, `${prefix}${name}.`),
  );
}

test("both languages have the same texts", () => {
  const korean = keys(ko).filter((key) => !KOREAN_ONLY.includes(key.split(".")[0]));
  assert.deepEqual(keys(en), korean);
});

test("every text has the same placeholders in both languages", () => {
  const places = (language, key) => (text(language, key).match(/\{\w+\}/g) ?? []).sort();
  for (const key of keys(en)) assert.deepEqual(places("en", key), places("ko", key), key);
});

test("every text that the documents and the code name exists", async () => {
  const named = [];
  for (const file of DOCUMENTS) {
    const page = await readFile(new URL(file, import.meta.url), "utf8");
    named.push(...[...page.matchAll(/data-(?:text|label|placeholder)="([^"]+)"/g)].map(([, key]) => key));
  }
  const sources = new URL("../src/", import.meta.url);
  for (const file of await readdir(sources, { recursive: true })) {
    if (!file.endsWith(".js")) continue;
    const code = await readFile(new URL(file, sources), "utf8");
    named.push(...[...code.matchAll(/"((?:[a-z]+\.)+[a-zA-Z]+)"/g)].map(([, key]) => key).filter((key) => key.split(".")[0] in en));
  }
  assert.ok(named.length > 100);
  for (const key of named) assert.ok(keys(en).includes(key), key);
});

test("every text is used", async () => {
  const files = [...DOCUMENTS];
  const sources = new URL("../src/", import.meta.url);
  files.push(...(await readdir(sources, { recursive: true })).filter((file) => file.endsWith(".js")).map((file) => `../src/${file}`));
  const all = (await Promise.all(files.map((file) => readFile(new URL(file, import.meta.url), "utf8")))).join("\n");
  // These are named by what they are put together from.
  const composed = /^(steps\.(upload|reading|preparing|composing)|(status|problems|erase|eraseAll|reset|modes|brief|announcer|engines|form|exports|keepOne|askStems|askLoop)\.)/;
  for (const key of keys(en)) assert.ok(composed.test(key) || all.includes(`"${key}"`), key);
});

test("every status and genre has a text", () => {
  assert.deepEqual(Object.keys(ko.status), STATUSES);
  assert.deepEqual(Object.keys(ko.genres), GENRES);
});

test("the page uses the browser's first language that it has, otherwise Korean", () => {
  assert.equal(preferredLanguage(["fr-FR", "en-GB", "ko"]), "en");
  assert.equal(preferredLanguage(["ko-KR", "en"]), "ko");
  assert.equal(preferredLanguage(["fr"]), "ko");
});

test("an unknown key returns the fallback", () => {
  assert.equal(text("ko", "moods.zany", {}, "zany"), "zany");
  assert.equal(text("en", "Too many requests."), "Too many requests.");
});
