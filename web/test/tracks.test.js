import assert from "node:assert/strict";
import { test } from "node:test";
import { awaitsTwin, found, isExport, isFinal, joined, newest, pictures, resultsToken, resultUrl, statusOf, takeOf, takeTitle } from "../src/tracks.js";

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

test("an announced upload stays in the list until the listener reports its track", () => {
  assert.deepEqual(joined([{ key: "u1", track: "t1" }], []).map(({ key }) => key), ["u1"]);
});

test("the versions of one picture are grouped, oldest first, at the place of the newest one", () => {
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

test("a failed upload is failed in every status of its track", () => {
  assert.equal(statusOf({ upload: { problem: "words" }, track: { status: "awaiting_upload" } }), "failed");
  assert.equal(statusOf({ upload: { problem: null }, track: null }), "awaiting_upload");
  assert.equal(statusOf({ upload: null, track: { status: "composing" } }), "composing");
});

test("the last four statuses are final", () => {
  assert.deepEqual(
    ["composing", "ready", "failed", "rejected", "cancelled"].map(isFinal),
    [false, true, true, true, true],
  );
});

test("only music that is ready can be shared, by the token of its results", () => {
  const music = { url: "https://storage.example/results/rtoken/music.mp3" };
  assert.equal(resultsToken({ status: "ready", music }), "rtoken");
  assert.equal(resultsToken({ status: "composing", music }), null);
  assert.equal(resultUrl(music.url, "music.mid"), "https://storage.example/results/rtoken/music.mid");
});

test("two takes are one version, the first one first, in whichever order they come", () => {
  const twin = { ...take("t2", "a"), request: { twinOf: "t1" } };
  const names = (tracks) => pictures(joined([], tracks))[0].versions.map((version) => version.map(({ track }) => track.track));
  assert.deepEqual(names([take("t3", "a"), twin, take("t1", "a")]), [["t1", "t2"], ["t3"]]);
  assert.deepEqual(names([take("t1", "a"), twin]), [["t1", "t2"]]);
  assert.deepEqual(names([twin]), [["t2"]]);
  assert.equal(newest(pictures(joined([], [twin, take("t1", "a")]))[0]).track.track, "t1");
});

test("the second take is awaited until the picture is described", () => {
  const wishes = { takes: 2 };
  assert.ok(awaitsTwin({ upload: { wishes }, track: null }));
  assert.ok(awaitsTwin({ upload: null, track: { status: "captioning", request: wishes } }));
  assert.ok(!awaitsTwin({ upload: null, track: { status: "captioned", request: wishes } }));
  assert.ok(!awaitsTwin({ upload: { wishes: {} }, track: null }));
});

test("of two takes the first one is A and its twin is B", () => {
  const takes = [{ request: { takes: 2 } }, { request: { takes: 1, twinOf: "t1" } }, { request: { takes: 1 } }, {}];
  assert.deepEqual(takes.map(takeOf), ["A", "B", "", ""]);
});

test("a title says which take it is only while both takes exist", () => {
  const [first, second] = [{ track: "t1", request: { takes: 2 } }, { track: "t2", request: { takes: 1, twinOf: "t1" } }];
  const titles = (tracks) => tracks.map((track) => takeTitle("바다", track, tracks));
  assert.deepEqual(titles([first, second]), ["바다 A", "바다 B"]);
  assert.deepEqual(titles([first, { track: "t3", request: {} }]), ["바다", "바다"]);
  assert.deepEqual(titles([second]), ["바다"]);
  assert.equal(takeTitle("바다", { track: "t4", request: null }, null), "바다");
});

test("an export is no music of its own", () => {
  assert.ok(isExport({ request: { export: { kind: "loop", track: "t1" } } }));
  assert.ok(!isExport({ request: { export: null } }));
  assert.ok(!isExport({ request: null }));
});
