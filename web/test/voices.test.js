import assert from "node:assert/strict";
import { test } from "node:test";
import { voiceFor } from "../src/voices.js";

const voice = (lang, fields = {}) => ({ lang, default: false, localService: false, ...fields });

test("the voice speaks the brief's language, if one does", () => {
  const [korean, english] = [voice("ko_KR"), voice("en-US", { default: true })];
  assert.equal(voiceFor([english, korean], "ko"), korean);
  assert.equal(voiceFor([korean, voice("en-GB"), english], "en"), english);
  assert.equal(voiceFor([english], "ko"), null);
});

test("a voice on the device comes before one that sends the words away", () => {
  const [remote, local] = [voice("ko-KR", { default: true }), voice("ko-KR", { localService: true })];
  assert.equal(voiceFor([remote, local], "ko"), local);
  assert.equal(voiceFor([remote], "ko"), remote);
});
