import assert from "node:assert/strict";
import { test } from "node:test";
import { lines } from "../src/video-picture.js";
import { voiceFor } from "../src/voices.js";

const fits = (count) => (line) => [...line].length <= count;

test("a title breaks between words", () => {
  assert.deepEqual(lines("푸른 물결 위의 오후", fits(7)), ["푸른 물결", "위의 오후"]);
  assert.deepEqual(lines("짧다", fits(7)), ["짧다"]);
  assert.deepEqual(lines("", fits(7)), []);
});

test("a word that is too long for a line breaks inside", () => {
  assert.deepEqual(lines("가나다라마바사", fits(4)), ["가나다라", "마바사"]);
});

test("what is too much ends with an ellipsis that fits", () => {
  assert.deepEqual(lines("one two three four", fits(7)), ["one two", "three…"]);
  assert.deepEqual(lines("가나다라마바사아자차", fits(4)), ["가나다라", "마바사…"]);
});

test("the voice speaks the brief's language if there is one, and a default or local one comes first", () => {
  const voice = (lang, fields = {}) => ({ lang, default: false, localService: false, ...fields });
  const [korean, local, english] = [voice("ko-KR"), voice("ko_KR", { localService: true }), voice("en-US", { default: true })];
  assert.equal(voiceFor([english, korean, local], "ko"), local);
  assert.equal(voiceFor([english, korean], "ko"), korean);
  assert.equal(voiceFor([english], "ko"), null);
  assert.equal(voiceFor([korean, english, voice("en-GB")], "en"), english);
});
