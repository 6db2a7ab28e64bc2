import assert from "node:assert/strict";
import { test } from "node:test";
import { exportOf, loopTitle } from "../src/exports.js";

const made = (track, kind, status) => ({ status, request: { export: { kind, track } } });

test("an export is found by its source and kind; one that is made counts before a later one that is lost", () => {
  const exports = [made("t1", "loop", "cancelled"), made("t1", "loop", "ready"), made("t2", "stems", "failed")];
  assert.equal(exportOf(exports, "t1", "loop"), exports[1]);
  assert.equal(exportOf(exports, "t2", "stems"), exports[2]);
  assert.equal(exportOf(exports, "t1", "stems"), null);
});

test("a loop is named by what its user needs to know", () => {
  const facts = { key: "C minor", tempoBpm: 92 };
  assert.equal(loopTitle("푸른 물결", { ...facts, bars: 16 }), "푸른 물결 (C minor, 92 BPM, 16 bars)");
  assert.equal(loopTitle("푸른 물결", facts), "푸른 물결 (C minor, 92 BPM)");
  assert.equal(loopTitle("푸른 물결", { ...facts, tempoBpm: 91.756 }), "푸른 물결 (C minor, 91.76 BPM)");
});
