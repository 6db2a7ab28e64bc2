import assert from "node:assert/strict";
import { test } from "node:test";
import { elapsed, found, isFinal, joined, newest, pictures, resultsToken, resultUrl, statusOf } from "../src/tracks.js";

const take = (track, object, generation = 1) => ({ track, image: { object, generation } });

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

test("the versions of one picture stand together, oldest first, where its newest version stands", () => {
  const items = joined([], [take("t4", "a"), take("t3", "b"), take("t2", "a"), take("t1", "a", 2), { track: "t0", image: null }]);
  const expected = [["t2", "t4"], ["t3"], ["t1"], ["t0"]];
  assert.deepEqual(expected, pictures(items).map(({ items }) => items.map(({ track }) => track.track)));
});

test("a picture keeps its name when a version is added", () => {
  const one = pictures(joined([], [take("t1", "a")]));
  const two = pictures(joined([], [take("t2", "a"), take("t1", "a")]));
  assert.equal(one[0].key, two[0].key);
  assert.equal("t2", newest(two[0]).track.track);
});

test("an item is found by its upload's key and by its track", () => {
  const groups = pictures(joined([{ key: "u1", track: "t1" }], [take("t2", "b"), take("t1", "a")]));
  assert.equal("t1", found(groups, "u1").item.track.track);
  assert.equal("u1", found(groups, "t1").item.key);
  assert.equal(null, found(groups, "t9"));
});

test("an upload that went wrong has failed, whatever its track waits for", () => {
  assert.equal("failed", statusOf({ upload: { problem: "words" }, track: { status: "awaiting_upload" } }));
  assert.equal("awaiting_upload", statusOf({ upload: { problem: null }, track: null }));
  assert.equal("composing", statusOf({ upload: null, track: { status: "composing" } }));
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

test("only music that is ready can be shared, by the token of its results", () => {
  const music = { url: "https://storage.example/results/rtoken/music.mp3" };
  assert.equal("rtoken", resultsToken({ status: "ready", music }));
  assert.equal(null, resultsToken({ status: "composing", music }));
  assert.equal("https://storage.example/results/rtoken/music.mid", resultUrl(music.url, "music.mid"));
});
