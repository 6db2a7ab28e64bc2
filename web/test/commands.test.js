import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { NetworkError, ProblemError } from "../src/api.js";
import { Commands } from "../src/commands.js";
import { keep, recall } from "../src/session.js";
import { Store } from "../src/store.js";
import "./words.js";

/** A fake of the API; it throws `failures` one after the other, then works. */
class FakeApi {
  sessions = 0;
  keys = [];
  uploaded = [];
  commands = [];
  erased = [];

  constructor(...failures) {
    this.failures = failures;
  }

  #fail() {
    const failure = this.failures.shift();
    if (failure) throw failure;
  }

  async createSession() {
    this.sessions += 1;
    return { session: `s${this.sessions}`, secret: "k", expiresAt: "2100-01-01T00:00:00Z" };
  }

  async createTrack({ session }, key, track) {
    this.keys.push(key);
    this.#fail();
    return { session, track: `t-${key}`, status: "awaiting_upload", upload: { track } };
  }

  putFile({ track }, file, onFraction, signal) {
    onFraction(0.5);
    if (file.name === "endless.jpg") {
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new DOMException("", "AbortError"))));
    }
    this.uploaded.push([file.name, track]);
    return Promise.resolve();
  }

  async command({ session }, track, verb, key, body) {
    this.keys.push(key);
    this.#fail();
    this.commands.push([session, track, verb, body]);
    return { track: verb === "again" ? "t-new" : track };
  }

  async eraseTrack({ session }, track) {
    this.#fail();
    this.erased.push([session, track]);
  }

  async eraseSession({ session }) {
    this.#fail();
    this.erased.push([session]);
  }
}

function page(api) {
  const watched = [];
  const store = new Store({ language: "ko", dropSession: "d1" });
  const watch = (session, onTracks, onError) => {
    const one = { session, onTracks, onError };
    watched.push(one);
    return () => watched.splice(watched.indexOf(one), 1);
  };
  return { store, watched, commands: new Commands(store, api, async () => watch) };
}

const picture = (name = "coffee.jpg") => new File(["bytes"], name, { type: "image/jpeg" });
const wishes = { hint: "", style: "jazz", durationSeconds: 30 };
const kept = { session: "kept", secret: "k", expiresAt: "2100-01-01T00:00:00Z" };
const sessions = (watched) => watched.map(({ session }) => session);

beforeEach(() => keep("session", null));

test("a visit without pictures opens no session and loads nothing", async () => {
  const api = new FakeApi();
  const { commands, store, watched } = page(api);
  await commands.show("mine");
  assert.equal(api.sessions, 0);
  assert.deepEqual(watched, []);
  assert.deepEqual(store.state.tracks, []);
});

test("the first pictures open one session, which is stored and watched", async () => {
  const api = new FakeApi();
  const { commands, watched } = page(api);
  await commands.show("mine");
  await Promise.all([commands.addPictures([picture()], wishes), commands.addPictures([picture("b.jpg")], wishes)]);
  assert.equal(api.sessions, 1);
  assert.equal(recall("session").session, "s1");
  assert.deepEqual(sessions(watched), ["s1"]);
});

test("a stored session is used again", async () => {
  keep("session", kept);
  const api = new FakeApi();
  const { commands, watched } = page(api);
  await commands.show("mine");
  assert.equal(api.sessions, 0);
  assert.deepEqual(sessions(watched), ["kept"]);
});

test("for an expired session the page offers to start over, without a request", async () => {
  keep("session", { ...kept, expiresAt: "2020-01-01T00:00:00Z" });
  const { commands, store, watched } = page(new FakeApi());
  await commands.show("mine");
  assert.deepEqual(store.state.notice, { words: "notice.expired", restart: true });
  assert.deepEqual(watched, []);
});

test("an empty list from the cache leaves the list unknown until the server answers", async () => {
  keep("session", kept);
  const { commands, store, watched } = page(new FakeApi());
  await commands.show("mine");
  watched[0].onTracks([], false);
  assert.equal(store.state.tracks, null);
  watched[0].onTracks([], true);
  assert.deepEqual(store.state.tracks, []);
});

test("a picture is announced with the wishes, then uploaded", async () => {
  const api = new FakeApi();
  const { commands, store } = page(api);
  await commands.addPictures([picture()], wishes);
  const announced = { hint: "", style: "jazz", durationSeconds: 30, language: "ko", contentType: "image/jpeg", bytes: 5 };
  assert.deepEqual(api.uploaded, [["coffee.jpg", announced]]);
  assert.equal(store.state.uploads[0].fraction, 1);
  assert.equal(store.state.selected, store.state.uploads[0].key);
});

test("a failed upload is retried with the same key", async () => {
  const api = new FakeApi(new ProblemError(503, { code: "unavailable" }));
  const { commands, store } = page(api);
  await commands.addPictures([picture()], wishes);
  assert.match(store.state.uploads[0].problem, /서버가 응답하지 않아요/);
  await commands.uploadAgain(store.state.uploads[0].key);
  assert.equal(api.keys[1], api.keys[0]);
  assert.equal(store.state.uploads[0].problem, null);
});

test("uploads that the network stopped are retried when it is back; other failures are not", async () => {
  const api = new FakeApi(new NetworkError("down"), new ProblemError(503, { code: "unavailable" }));
  const { commands, store } = page(api);
  await commands.addPictures([picture()], wishes);
  await commands.addPictures([picture("b.jpg")], wishes);
  await commands.connected(false);
  await commands.connected(true);
  assert.deepEqual(api.uploaded.map(([name]) => name), ["coffee.jpg"]);
  assert.deepEqual(store.state.uploads.map(({ problem }) => problem === null), [false, true]);
});

test("cancelling an upload stops it, removes it from the list and erases its track", async () => {
  const api = new FakeApi();
  const { commands, store } = page(api);
  const adding = commands.addPictures([picture("endless.jpg")], wishes);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const { key, track } = store.state.uploads[0];
  await commands.cancelUpload(key);
  await adding;
  assert.deepEqual(store.state.uploads, []);
  assert.deepEqual(api.erased, [["s1", track]]);
});

test("a daily limit closes the page until the limit ends", async () => {
  const limit = new ProblemError(429, { detail: "50 tracks", code: "limit_reached" }, 3600);
  const { commands, store } = page(new FakeApi(limit));
  await commands.addPictures([picture()], wishes);
  assert.match(store.state.uploads[0].problem, /오늘 만들 수 있는 만큼 모두 만들었어요/);
  assert.equal(store.state.closedUntil % 60_000, 0);
  assert.ok(Math.abs(store.state.closedUntil - Date.now() - 3_600_000) <= 60_000);
});

test("a refusal without a translation is shown in the API's words", async () => {
  const { commands, store } = page(new FakeApi(new ProblemError(418, { detail: "Tea only.", code: "teapot" })));
  await commands.addPictures([picture()], wishes);
  assert.equal(store.state.uploads[0].problem, "Tea only.");
});

test("for a session that the API does not know the page offers to start over", async () => {
  const { commands, store } = page(new FakeApi(new ProblemError(401, { detail: "Start anew.", code: "unknown_session" })));
  await commands.addPictures([picture()], wishes);
  assert.deepEqual(store.state.notice, { words: "notice.expired", restart: true });
});

test("for a session that cannot be read the page offers to start over, which forgets the session", async () => {
  keep("session", kept);
  const { commands, store, watched } = page(new FakeApi());
  await commands.show("mine");
  watched[0].onError("permission-denied");
  assert.deepEqual(store.state.notice, { words: "notice.expired", restart: true });
  await commands.reset();
  assert.equal(store.state.notice, null);
  assert.equal(recall("session"), null);
  assert.deepEqual(watched, []);
});

test("files that are not pictures are refused by name, and the others uploaded", async () => {
  const api = new FakeApi();
  const { commands, store } = page(api);
  await commands.addPictures([new File(["x"], "notes.txt", { type: "text/plain" }), picture()], wishes);
  assert.match(store.state.notice.words, /^notes\.txt: /);
  assert.equal(api.uploaded.length, 1);
});

test("the drop session is only read", async () => {
  const api = new FakeApi();
  const { commands, watched } = page(api);
  await commands.show("drops");
  assert.equal(api.sessions, 0);
  assert.deepEqual(sessions(watched), ["d1"]);
});

test("another version is selected when the listener knows it", async () => {
  keep("session", kept);
  const api = new FakeApi();
  const { commands, store, watched } = page(api);
  await commands.show("mine");
  const making = commands.again("t1", "key-of-sixteen-or-more", { tempoBpm: 90 });
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(store.state.selected, null);
  watched[0].onTracks([{ track: "t-new" }], true);
  assert.equal(await making, null);
  assert.equal(store.state.selected, "t-new");
  assert.deepEqual(api.commands, [["kept", "t1", "again", { tempoBpm: 90 }]]);
});

test("a refused version returns the reason to its caller", async () => {
  keep("session", kept);
  const { commands, store } = page(new FakeApi(new ProblemError(400, { detail: "title must", code: "invalid_request" })));
  assert.match(await commands.again("t1", "key-of-sixteen-or-more", {}), /받을 수 없는 것/);
  assert.equal(store.state.notice, null);
  assert.deepEqual(store.state.busy, {});
});

test("a track is busy while its command runs", async () => {
  keep("session", kept);
  const { commands, store } = page(new FakeApi());
  const cancelling = commands.cancel("t1");
  assert.deepEqual(store.state.busy, { t1: "cancel" });
  await cancelling;
  assert.deepEqual(store.state.busy, {});
});

test("deleting everything deletes the session and leaves it; after a failure the session stays", async () => {
  keep("session", kept);
  const api = new FakeApi(new NetworkError("down"));
  const { commands, store } = page(api);
  await commands.show("mine");
  await commands.eraseAll();
  assert.match(store.state.notice.words, /서버에 연결하지 못했어요/);
  assert.equal(recall("session").session, "kept");
  await commands.eraseAll();
  assert.deepEqual(api.erased, [["kept"]]);
  assert.equal(recall("session"), null);
});

test("a session that another tab opens or leaves is opened or left here, too", async () => {
  const { commands, store, watched } = page(new FakeApi());
  await commands.show("mine");
  await commands.adopt(kept);
  assert.deepEqual(sessions(watched), ["kept"]);
  await commands.adopt(null);
  assert.deepEqual(watched, []);
  assert.equal(store.state.session, null);
});
