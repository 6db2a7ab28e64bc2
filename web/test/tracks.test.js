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
    joined(uploads, tracks).map(({ key, track }) => [key, track?.track]),
    expected,
  );
});

test("an announced upload stays in the list until the listener knows its track", () => {
  assert.deepEqual(joined([{ key: "u1", track: "t1" }], []).map(({ key }) => key), ["u1"]);
});

test("the versions of one picture are grouped at the place of the newest, oldest first", () => {
  const items = joined([], [take("t4", "a"), take("t3", "b"), take("t2", "a"), take("t1", "a", 2), { track: "t0", image: null }]);
  const expected = [["t2", "t4"], ["t3"], ["t1"], ["t0"]];
  assert.deepEqual(pictures(items).map(({ items }) => items.map(({ track }) => track.track)), expected);
});

test("a picture keeps its name when a version is added", () => {
  const one = pictures(joined([], [take("t1", "a")]));
  const two = pictures(joined([], [take("t2", "a"), take("t1", "a")]));
  assert.equal(two[0].key, one[0].key);
  assert.equal(newest(two[0]).track.track, "t2");
});

test("an item is found by its upload's key and by its track", () => {
  const groups = pictures(joined([{ key: "u1", track: "t1" }], [take("t2", "b"), take("t1", "a")]));
  assert.equal(found(groups, "u1").item.track.track, "t1");
  assert.equal(found(groups, "t1").item.key, "u1");
  assert.equal(found(groups, "t9"), null);
});

test("an upload with a problem has failed, even if its track awaits the upload", () => {
  assert.equal(statusOf({ upload: { problem: "words" }, track: { status: "awaiting_upload" } }), "failed");
  assert.equal(statusOf({ upload: { problem: null }, track: null }), "awaiting_upload");
  assert.equal(statusOf({ upload: null, track: { status: "composing" } }), "composing");
});

test("the time of a track stops when it ends", () => {
  const timeline = { awaiting_upload: 1_000, ready: 6_000 };
  assert.equal(elapsed({ status: "ready", createdAt: 1_000, timeline }, 99_000), 5_000);
  assert.equal(elapsed({ status: "composing", createdAt: 1_000, timeline: {} }, 3_000), 2_000);
  assert.equal(elapsed(null, 3_000), null);
});

test("the last four statuses are final", () => {
  assert.deepEqual(
    ["composing", "ready", "failed", "rejected", "cancelled"].map(isFinal),
    [false, true, true, true, true],
  );
});

test("only ready music can be shared, by the token of its results", () => {
  const music = { url: "https://storage.example/results/rtoken/music.mp3" };
  assert.equal(resultsToken({ status: "ready", music }), "rtoken");
  assert.equal(resultsToken({ status: "composing", music }), null);
  assert.equal(resultUrl(music.url, "music.mid"), "https://storage.example/results/rtoken/music.mid");
});
