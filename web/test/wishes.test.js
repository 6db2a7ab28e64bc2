import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { vocabulary } from "../src/texts.js";
import { AT_MOST, changes, GENRES, KEYS, offered, room, SECONDS } from "../src/wishes.js";
import "./words.js";

const document = new URL("../../functions/upload_handler/openapi.json", import.meta.url);
const { properties } = JSON.parse(readFileSync(document, "utf8")).components.schemas.Edit;

test("the choices for another version are those that the API accepts", () => {
  const known = (name) => properties[name].enum.filter((value) => value !== null);
  assert.deepEqual(GENRES, known("genre"));
  assert.deepEqual(KEYS, known("key"));
  const { minimum, maximum } = properties.durationSeconds;
  assert.ok(SECONDS.every((seconds) => seconds >= minimum && seconds <= maximum));
});

test("moods and instruments keep within the API's limits", () => {
  for (const [name, most] of Object.entries(AT_MOST)) {
    assert.deepEqual([properties[name].minItems, properties[name].maxItems], [1, most]);
  }
  assert.deepEqual(vocabulary("instruments"), properties.instruments.items.enum);
  const pattern = new RegExp(properties.moods.items.pattern);
  assert.ok(vocabulary("moods").length > 30);
  assert.ok(vocabulary("moods").every((mood) => pattern.test(mood)));
});

test("at the maximum the other words are disabled, and the last word can only be replaced", () => {
  const closed = [1, 2, 4, 5].map((count) => room(count, 5).closed);
  assert.deepEqual(closed, ["chosen", "none", "none", "others"]);
});

test("the words of the brief come first, including those that the page does not know", () => {
  assert.deepEqual(offered(["hazy", "calm"], ["airy", "calm"]), ["hazy", "calm", "airy"]);
});

test("the same list is no change; another order or another word is one", () => {
  const before = { moods: ["calm", "warm"] };
  assert.deepEqual(changes(before, { moods: ["calm", "warm"] }), {});
  assert.deepEqual(changes(before, { moods: ["calm"] }), { moods: ["calm"] });
  assert.deepEqual(changes(before, { moods: ["warm", "calm"] }), { moods: ["warm", "calm"] });
});

test("only changed fields are sent", () => {
  assert.deepEqual(changes({ title: "a", tempoBpm: 72 }, { title: "a", tempoBpm: 90 }), { tempoBpm: 90 });
});
