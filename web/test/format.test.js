import assert from "node:assert/strict";
import { test } from "node:test";
import { clock, fileName, moment, musicalKey, roughly, span, word } from "../src/format.js";
import "./words.js";

test("a span is said in minutes and seconds", () => {
  assert.equal("7초", span("ko", 7_900));
  assert.equal("2분 5초", span("ko", 125_000));
  assert.equal("2 min 5 s", span("en", 125_000));
  assert.equal("1분", span("ko", 60_000));
});

test("a span never runs below nothing, whatever the clocks say", () => {
  assert.equal("0초", span("ko", -3_000));
});

test("what is only about right is not said to the second", () => {
  assert.equal("7초", roughly("ko", 7.4));
  assert.equal("25초", roughly("ko", 23.1));
  assert.equal("2분 30초", roughly("ko", 141));
  assert.equal("1초", roughly("ko", 0));
});

test("a place in the music is written as players write it", () => {
  assert.equal("0:07", clock(7.9));
  assert.equal("3:00", clock(180));
  assert.equal("0:00", clock(-1));
});

test("a moment is said as the language says it", () => {
  const noon = new Date(2026, 10, 25, 12, 30).getTime();
  assert.match(moment("ko", noon), /11월 25일.*12:30/);
  assert.match(moment("en", noon), /November 25.*12:30/);
});

test("a title becomes a file name that every system takes", () => {
  assert.equal("커피 한 잔.mp3", fileName("커피 한 잔", "mp3"));
  assert.equal("a b c.wav", fileName('a/b\\:*?"<>|\u202ec\n', "wav"));
  assert.equal("etc passwd.mp3", fileName("../../etc/passwd".replace(/\.\.\//g, "/"), "mp3"));
  assert.equal("music.mp3", fileName("...", "mp3"));
  assert.equal(84, fileName("x".repeat(300), "mp3").length);
});

test("a key is spelled as musicians write it", () => {
  assert.equal("E♭ 장조", musicalKey("ko", "Eb major"));
  assert.equal("F♯ minor", musicalKey("en", "F# minor"));
  assert.equal("B 단조", musicalKey("ko", "B minor"));
});

test("a word that no language file knows is shown as it is", () => {
  assert.equal("로파이", word("ko", "genres", "lo-fi"));
  assert.equal("Lo-fi", word("en", "genres", "lo-fi"));
  assert.equal("Zany", word("ko", "moods", "zany"));
});
