import assert from "node:assert/strict";
import { test } from "node:test";
import { fileNames, finished } from "../src/playlist.js";
import { joined, pictures } from "../src/tracks.js";

const music = { url: "https://storage.example/results/rtoken/music.mp3" };

function take(track, object, status = "ready", request = {}) {
  return { track, status, request, image: { object, generation: 1 }, music: status === "ready" ? music : null };
}

test("music follows in the order of the pictures, each with its versions", () => {
  const tracks = [take("t5", "b"), take("t4", "a"), take("t3", "c", "failed"), take("t2", "a"), take("t1", "d")];
  assert.deepEqual(finished(pictures(joined([], tracks))).map(({ track }) => track), ["t5", "t2", "t4", "t1"]);
});

test("stems and loops are not played", () => {
  const tracks = [take("t2", "a", "ready", { export: { kind: "stems", track: "t1" } }), take("t1", "a")];
  assert.deepEqual(finished(pictures(joined([], tracks))).map(({ track }) => track), ["t1"]);
});

test("files keep their Korean titles, and the same titles are numbered", () => {
  assert.deepEqual(fileNames(["바다", "바다", "Sea", "sea", "a/b"], "mp3"), ["바다.mp3", "바다 (2).mp3", "Sea.mp3", "sea (2).mp3", "a b.mp3"]);
});

test("a number that a title has already is not given twice", () => {
  assert.deepEqual(fileNames(["바다 (2)", "바다", "바다"], "mp3"), ["바다 (2).mp3", "바다.mp3", "바다 (3).mp3"]);
});

test("the same title in another spelling of Unicode is the same title", () => {
  assert.deepEqual(fileNames(["바다", "바다".normalize("NFD")], "mp3"), ["바다.mp3", "바다 (2).mp3"]);
});

test("a title with a dot keeps it", () => {
  assert.deepEqual(fileNames(["No. 1", "No. 1"], "mp3"), ["No. 1.mp3", "No. 1 (2).mp3"]);
});
