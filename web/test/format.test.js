import assert from "node:assert/strict";
import { test } from "node:test";
import { fileName, musicalKey, span } from "../src/format.js";

test("a span is said in minutes and seconds", () => {
  assert.equal("7초", span("ko", 7_900));
  assert.equal("2분 5초", span("ko", 125_000));
  assert.equal("2 min 5 s", span("en", 125_000));
});

test("a span never runs below nothing, whatever the clocks say", () => {
  assert.equal("0초", span("ko", -3_000));
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
