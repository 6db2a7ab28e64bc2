import assert from "node:assert/strict";
import { test } from "node:test";
import { elapsed, isFinal, joined, progress } from "../src/tracks.js";

test("an upload and its track are one item under the upload's key", () => {
  const uploads = [
    { key: "u2", track: null },
    { key: "u1", track: "t1" },
  ];
  const tracks = [{ track: "t1" }, { track: "t0" }];
  const expected = [
    ["u2", undefined],
    ["u1", "t1"],
    ["t0", "t0"],
  ];
  assert.deepEqual(
    expected,
    joined(uploads, tracks).map(({ key, track }) => [key, track?.track]),
  );
});

test("an announced upload stays in the list until the listener knows its track", () => {
  assert.deepEqual(["u1"], joined([{ key: "u1", track: "t1" }], []).map(({ key }) => key));
});

test("progress follows the stages and fills the first with the upload", () => {
  assert.equal(0, progress({ fraction: null }, null));
  assert.equal(0.5, progress({ fraction: 0.5 }, { status: "awaiting_upload" }));
  assert.equal(4, progress(null, { status: "composing" }));
  assert.equal(5, progress(null, { status: "rejected" }));
});

test("the clock of a track stops at its end", () => {
  const timeline = { awaiting_upload: 1_000, ready: 6_000 };
  assert.equal(5_000, elapsed({ status: "ready", createdAt: 1_000, timeline }, 99_000));
  assert.equal(2_000, elapsed({ status: "composing", createdAt: 1_000, timeline: {} }, 3_000));
  assert.equal(null, elapsed(null, 3_000));
});

test("the last four statuses are final", () => {
  assert.deepEqual(
    [false, true, true, true, true],
    ["composing", "ready", "failed", "rejected", "cancelled"].map(isFinal),
  );
});
