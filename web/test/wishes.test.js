import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { text, vocabulary } from "../src/texts.js";
import { changes, GENRES, KEYS, MAX_CHOSEN, offered, room, SECONDS } from "../src/wishes.js";
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

test("every engine has a plain name and says how it makes music", () => {
  for (const engine of properties.engine.enum.filter((value) => value !== null)) {
    for (const language of ["ko", "en"]) {
      assert.ok(text(language, `engines.${engine}`, {}, ""), engine);
      assert.ok(text(language, `engines.${engine}Words`, {}, ""), engine);
    }
  }
});

test("an engine that makes only a clip says that longer music repeats it", () => {
  for (const [language, repeats] of [["ko", /되풀이/], ["en", /[Ll]onger music (may )?repeat/]]) {
    for (const engine of ["lyria-002", "lyria-3-clip", "endpoint"]) assert.match(text(language, `engines.${engine}Words`), repeats);
    for (const engine of ["composer", "lyria-3-pro"]) assert.doesNotMatch(text(language, `engines.${engine}Words`), repeats);
  }
});

test("the number of moods and instruments stays within the API's bounds", () => {
  for (const [name, most] of Object.entries(MAX_CHOSEN)) {
    assert.deepEqual([properties[name].minItems, properties[name].maxItems], [1, most]);
  }
  assert.deepEqual(properties.instruments.items.enum, vocabulary("instruments"));
  const pattern = new RegExp(properties.moods.items.pattern);
  assert.ok(vocabulary("moods").length > 30);
  assert.ok(vocabulary("moods").every((mood) => pattern.test(mood)));
});

test("at the maximum, further words are disabled, and the last word can only be replaced", () => {
  const closed = [1, 2, 4, 5].map((count) => room(count, 5).closed);
  assert.deepEqual(closed, ["chosen", "none", "none", "others"]);
});

test("the brief's words come first, even those that the page does not know", () => {
  assert.deepEqual(offered(["hazy", "calm"], ["airy", "calm"]), ["hazy", "calm", "airy"]);
});

test("an equal list is no change, another order or another word is one", () => {
  const before = { moods: ["calm", "warm"] };
  assert.deepEqual(changes(before, { moods: ["calm", "warm"] }), {});
  assert.deepEqual(changes(before, { moods: ["calm"] }), { moods: ["calm"] });
  assert.deepEqual(changes(before, { moods: ["warm", "calm"] }), { moods: ["warm", "calm"] });
});

test("only changed fields are sent", () => {
  assert.deepEqual(changes({ title: "a", tempoBpm: 72 }, { title: "a", tempoBpm: 90 }), { tempoBpm: 90 });
});
