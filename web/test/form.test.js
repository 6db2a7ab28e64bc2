import assert from "node:assert/strict";
import { test } from "node:test";
import { chordName, partName, placeAt, sectionName } from "../src/form.js";
import "./words.js";

test("the present span is the last one that has begun", () => {
  const spans = [{ startSeconds: 0.5 }, { startSeconds: 2 }, { startSeconds: 4 }];
  assert.deepEqual([0, 0.5, 1.99, 2, 99].map((seconds) => placeAt(spans, seconds)), [0, 0, 0, 1, 2]);
});

test("chords are spelled with musical signs, and a b that is no flat stays", () => {
  const spelled = { Bbmaj7: "B♭maj7", "F#m7b5": "F♯m7♭5", "Eb/Bb": "E♭/B♭", "Cadd9": "Cadd9", "A7b9": "A7♭9", B: "B", "C#dim7": "C♯dim7" };
  assert.deepEqual(Object.keys(spelled).map(chordName), Object.values(spelled));
});

test("sections and parts have names in both languages; what the page does not know keeps its own", () => {
  assert.deepEqual([sectionName("ko", "intro"), sectionName("en", "intro"), sectionName("ko", "A'")], ["전주", "Intro", "A′"]);
  assert.equal(partName("ko", { name: "pad-2", instrument: "warm pad" }), "패드 2 (따뜻한 패드)");
  assert.equal(partName("en", { name: "lead", instrument: "piano" }), "Melody (piano)");
  assert.equal(partName("ko", { name: "drums", instrument: "drums" }), "드럼");
  assert.equal(partName("en", { name: "bells", instrument: "celesta" }), "bells (celesta)");
});
