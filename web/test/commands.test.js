import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { NetworkError, ProblemError } from "../src/api.js";
import { Commands } from "../src/commands.js";
import { keep, recall } from "../src/session.js";
import { Store } from "../src/store.js";

/** The API as the page sees it; `failures` are thrown one after the other before it works. */
class FakeApi {
  sessions = 0;
  keys = [];
  uploaded = [];

  constructor(...failures) {
    this.failures = failures;
  }

  async createSession() {
    this.sessions += 1;
    return { session: `s${this.sessions}`, secret: "k", expiresAt: "2100-01-01T00:00:00Z" };
  }

  async createTrack({ session }, key, track) {
    this.keys.push(key);
    const failure = this.failures.shift();
    if (failure) throw failure;
    return { session, track: `t-${key}`, status: "awaiting_upload", upload: { track } };
  }

  async putFile({ track }, file, onFraction) {
    onFraction(0.5);
    this.uploaded.push([file.name, track]);
  }
}

function page(api) {
  const watched = [];
  const store = new Store({ language: "ko", view: "mine", dropSession: "d1", session: null, tracks: null, uploads: [], notice: null });
  const watch = (session, onTracks, onError) => {
    watched.push({ session, onTracks, onError });
    return () => watched.pop();
  };
  return { store, watched, commands: new Commands(store, api, watch) };
}

const coffee = () => new File(["bytes"], "coffee.jpg", { type: "image/jpeg" });
const wishes = { hint: "", style: "jazz", durationSeconds: 30 };

beforeEach(() => keep("session", null));

test("the first visit makes one session, keeps it and watches it", async () => {
  const api = new FakeApi();
  const { commands, watched } = page(api);
  await Promise.all([commands.show("mine"), commands.addPictures([coffee()], wishes)]);
  assert.equal(1, api.sessions);
  assert.equal("s1", recall("session").session);
  assert.deepEqual(["s1"], watched.map(({ session }) => session));
});

test("a kept session is used again", async () => {
  keep("session", { session: "kept", secret: "k" });
  const api = new FakeApi();
  const { commands, watched } = page(api);
  await commands.show("mine");
  assert.equal(0, api.sessions);
  assert.deepEqual(["kept"], watched.map(({ session }) => session));
});

test("a picture is announced with what was asked for, then uploaded", async () => {
  const api = new FakeApi();
  const { commands, store } = page(api);
  await commands.addPictures([coffee()], wishes);
  const announced = { hint: "", style: "jazz", durationSeconds: 30, language: "ko", contentType: "image/jpeg", bytes: 5 };
  assert.deepEqual([["coffee.jpg", announced]], api.uploaded);
  assert.equal(1, store.state.uploads[0].fraction);
});

test("an upload that failed is tried again under its key", async () => {
  const api = new FakeApi(new NetworkError("down"));
  const { commands, store } = page(api);
  await commands.addPictures([coffee()], wishes);
  assert.equal("notice.network", store.state.uploads[0].problem);
  await commands.uploadAgain(store.state.uploads[0].key);
  assert.equal(api.keys[0], api.keys[1]);
  assert.equal(null, store.state.uploads[0].problem);
});

test("what the API says is what the person reads", async () => {
  const api = new FakeApi(new ProblemError(429, { title: "Too many", detail: "내일 다시 해 주세요." }));
  const { commands, store } = page(api);
  await commands.addPictures([coffee()], wishes);
  assert.equal("내일 다시 해 주세요.", store.state.uploads[0].problem);
  assert.equal(null, store.state.notice);
});

test("a session that the API does not know is offered to be left", async () => {
  const { commands, store } = page(new FakeApi(new ProblemError(401, { detail: "Start a new session.", code: "unknown_session" })));
  await commands.addPictures([coffee()], wishes);
  assert.deepEqual({ words: "notice.expired", restart: true }, store.state.notice);
  assert.match(store.state.uploads[0].problem, /찾을 수 없는 목록/);
});

test("a session whose tracks may not be read is offered to be left, and leaving it starts a new one", async () => {
  const api = new FakeApi();
  const { commands, store, watched } = page(api);
  await commands.show("mine");
  watched[0].onError("permission-denied");
  assert.deepEqual({ words: "notice.expired", restart: true }, store.state.notice);
  await commands.reset();
  assert.equal(null, store.state.notice);
  assert.deepEqual(["s2"], watched.map(({ session }) => session));
});

test("files that are no pictures are refused by name, the others uploaded", async () => {
  const api = new FakeApi();
  const { commands, store } = page(api);
  await commands.addPictures([new File(["x"], "notes.txt", { type: "text/plain" }), coffee()], wishes);
  assert.match(store.state.notice.words, /^notes\.txt: /);
  assert.equal(1, api.uploaded.length);
});

test("the dropped pictures are only looked at", async () => {
  const api = new FakeApi();
  const { commands, watched } = page(api);
  await commands.show("drops");
  assert.equal(0, api.sessions);
  assert.deepEqual(["d1"], watched.map(({ session }) => session));
});
