import assert from "node:assert/strict";
import { test } from "node:test";
import { clock, fileName, moment, musicalKey, nameOf, roughly, span, word } from "../src/format.js";
import "./words.js";

test("a span is written in minutes and seconds", () => {
  assert.equal(span("ko", 7_900), "7초");
  assert.equal(span("ko", 125_000), "2분 5초");
  assert.equal(span("en", 125_000), "2 min 5 s");
  assert.equal(span("ko", 60_000), "1분");
});

test("a span is never negative, even if the clocks differ", () => {
  assert.equal(span("ko", -3_000), "0초");
});

test("an estimate is rounded", () => {
  assert.equal(roughly("ko", 7.4), "7초");
  assert.equal(roughly("ko", 23.1), "25초");
  assert.equal(roughly("ko", 141), "2분 30초");
  assert.equal(roughly("ko", 0), "1초");
});

test("a position in the music is written as in other players", () => {
  assert.equal(clock(7.9), "0:07");
  assert.equal(clock(180), "3:00");
  assert.equal(clock(-1), "0:00");
});

test("a moment is written in the language's format", () => {
  const noon = new Date(2026, 10, 25, 12, 30).getTime();
  assert.match(moment("ko", noon), /11월 25일.*12:30/);
  assert.match(moment("en", noon), /November 25.*12:30/);
});

test("a picture without a title is named by its file, then by when it came", () => {
  const createdAt = new Date(2026, 10, 25, 12, 30).getTime();
  const upload = { file: { name: "coffee.jpg" } };
  assert.equal(nameOf("ko", { upload, track: { createdAt, brief: { title: "바다" } } }), "바다");
  assert.equal(nameOf("ko", { upload, track: { createdAt, brief: null } }), "coffee.jpg");
  assert.match(nameOf("ko", { upload: null, track: { createdAt, brief: null } }), /^11월 25일.*12:30에 올린 사진$/);
  assert.match(nameOf("en", { upload: null, track: { createdAt, brief: null } }), /^Picture from November 25.*12:30/);
  assert.equal(nameOf("ko", { track: { brief: null } }), "새 음악");
  const short = ["ko", "en"].map((language) => nameOf(language, { track: { createdAt: createdAt + 7_000, brief: null } }, true));
  assert.deepEqual(short, ["11. 25. 12:30:07", "11/25, 12:30:07"]);
});

test("a title becomes a file name that every system accepts", () => {
  assert.equal(fileName("커피 한 잔", "mp3"), "커피 한 잔.mp3");
  assert.equal(fileName('a/b\\:*?"<>|\u202ec\n', "wav"), "a b c.wav");
  assert.equal(fileName("../../etc/passwd".replace(/\.\.\//g, "/"), "mp3"), "etc passwd.mp3");
  assert.equal(fileName("...", "mp3"), "music.mp3");
  assert.equal(fileName("x".repeat(300), "mp3").length, 84);
});

test("a key is written as musicians write it", () => {
  assert.equal(musicalKey("ko", "Eb major"), "E♭ 장조");
  assert.equal(musicalKey("en", "F# minor"), "F♯ minor");
  assert.equal(musicalKey("ko", "B minor"), "B 단조");
});

test("a word that no language file has is shown unchanged", () => {
  assert.equal(word("ko", "genres", "lo-fi"), "로파이");
  assert.equal(word("en", "genres", "lo-fi"), "Lo-fi");
  assert.equal(word("ko", "moods", "zany"), "Zany");
});
