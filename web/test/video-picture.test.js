import assert from "node:assert/strict";
import { test } from "node:test";
import { lines } from "../src/video-picture.js";

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
