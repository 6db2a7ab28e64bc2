import assert from "node:assert/strict";
import { test } from "node:test";
import { initials, matcher, searchable, typed } from "../src/searching.js";
import "./words.js";

const brief = { title: "푸른 물결", caption: "잔잔한 바다 위로 빛이 흩어져요.", moods: ["calm", "dreamy"], genre: "lo-fi" };
const item = searchable({ upload: null, track: { brief } });

function finds(query, one = item) {
  return matcher(query)(one);
}

test("music is found by title, mood, genre and caption, in Korean and in English", () => {
  for (const query of ["푸른 물결", "물결", "차분한", "calm", "로파이", "LO-FI", "바다", "꿈결 같은", ""]) assert.ok(finds(query), query);
  for (const query of ["커피", "jazz", "재즈"]) assert.ok(!finds(query), query);
});

test("every word must be there, in any order, and spaces may be left out", () => {
  assert.ok(finds("바다 푸른"));
  assert.ok(!finds("바다 커피"));
  assert.ok(finds("꿈결같은"));
  assert.ok(finds("푸른물결"));
});

test("each state of a word that is being composed finds it", () => {
  for (const query of ["ㅂ", "바", "받", "바다"]) assert.ok(finds(query), query);
  assert.ok(!finds("밪"));
});

test("a syllable is searched as it is typed, with parts of two letters as two", () => {
  assert.equal(typed("닭과 A"), "ㄷㅏㄹㄱㄱㅗㅏ a");
  assert.ok(finds("닭", searchable({ track: { brief: { title: "달기" } } })));
});

test("the first letters of its syllables find a Korean title", () => {
  assert.equal(initials("푸른 물결"), "ㅍㄹ ㅁㄱ");
  assert.ok(finds("ㅍㄹㅁㄱ"));
  assert.ok(!finds("ㅍㄹㅋ"));
});

test("letters that macOS takes apart are the same letters", () => {
  assert.ok(finds("물결".normalize("NFD")));
});

test("an upload is found by the name of its file", () => {
  const uploading = searchable({ upload: { file: { name: "IMG_바다.JPG" } }, track: null });
  assert.ok(finds("img_바다", uploading));
});
