import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { NetworkError, ProblemError } from "../src/api.js";
import { Commands } from "../src/commands.js";
import { keep, recall } from "../src/session.js";
import { Store } from "../src/store.js";
import { isLiked, isUnsent } from "../src/tracks.js";
import "./words.js";

/** The API as the page sees it; `failures` are thrown one after the other before it works. */
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

const JPEG = new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 0]);
const picture = (name = "coffee.jpg") => new File([JPEG], name);
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
  await Promise.all([commands.addPictures({ files: [picture()] }, wishes), commands.addPictures({ files: [picture("b.jpg")] }, wishes)]);
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

test("only the server says that a session has expired: this computer's clock may be off", async () => {
  keep("session", { ...kept, expiresAt: "2020-01-01T00:00:00Z" });
  const { commands, store, watched } = page(new FakeApi());
  await commands.show("mine");
  assert.equal(store.state.notice, null);
  watched[0].onTracks([{ track: "t1" }], true);
  assert.equal(store.state.tracks.length, 1);
});

test("the list of tracks is unknown until the server answers, even if the cache is empty", async () => {
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
  await commands.addPictures({ files: [picture()] }, wishes);
  const announced = { hint: "", style: "jazz", durationSeconds: 30, language: "ko", contentType: "image/jpeg", bytes: 5 };
  assert.deepEqual(api.uploaded, [["coffee.jpg", announced]]);
  assert.equal(store.state.uploads[0].fraction, 1);
  assert.equal(store.state.selected, store.state.uploads[0].key);
});

test("a failed upload is retried with its key", async () => {
  const api = new FakeApi(new ProblemError(503, { code: "unavailable" }));
  const { commands, store } = page(api);
  await commands.addPictures({ files: [picture()] }, wishes);
  assert.match(store.state.uploads[0].problem, /서버가 응답하지 않아요/);
  await commands.uploadAgain(store.state.uploads[0].key);
  assert.equal(api.keys[1], api.keys[0]);
  assert.equal(store.state.uploads[0].problem, null);
});

test("only uploads that the network stopped resume when the network is back", async () => {
  const api = new FakeApi(new NetworkError("down"), new ProblemError(503, { code: "unavailable" }));
  const { commands, store } = page(api);
  await commands.addPictures({ files: [picture()] }, wishes);
  await commands.addPictures({ files: [picture("b.jpg")] }, wishes);
  await commands.connected(false);
  await commands.connected(true);
  assert.deepEqual(api.uploaded.map(([name]) => name), ["coffee.jpg"]);
  assert.deepEqual(store.state.uploads.map(({ problem }) => problem === null), [false, true]);
});

test("a picture that waits for the network is no problem, whether it was chosen before or after the network went", async () => {
  const api = new FakeApi(new NetworkError("down"), new NetworkError("down"));
  const { commands, store } = page(api);
  await commands.addPictures({ files: [picture()] }, wishes);
  assert.match(store.state.uploads[0].problem, /연결하지 못했어요/);
  await commands.connected(false);
  await commands.addPictures({ files: [picture("b.jpg")] }, wishes);
  assert.deepEqual(store.state.uploads.map(({ problem, waits }) => [problem, waits]), [[null, true], [null, true]]);
  assert.ok(store.state.uploads.every(isUnsent));
  await commands.connected(true);
  assert.deepEqual(api.uploaded.map(([name]) => name).sort(), ["b.jpg", "coffee.jpg"]);
  assert.ok(!store.state.uploads.some(isUnsent));
});

test("cancelling an upload stops it, removes it and erases its track", async () => {
  const api = new FakeApi();
  const { commands, store } = page(api);
  const adding = commands.addPictures({ files: [picture("endless.jpg")] }, wishes);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const { key, track } = store.state.uploads[0];
  await commands.cancelUpload(key);
  await adding;
  assert.deepEqual(store.state.uploads, []);
  assert.deepEqual(api.erased, [["s1", track]]);
});

test("a daily limit disables uploads until it ends", async () => {
  const limit = new ProblemError(429, { detail: "50 tracks", code: "limit_reached" }, 3600);
  const { commands, store } = page(new FakeApi(limit));
  await commands.addPictures({ files: [picture()] }, wishes);
  assert.match(store.state.uploads[0].problem, /오늘 만들 수 있는 만큼 모두 만들었어요/);
  assert.equal(store.state.closedUntil % 60_000, 0);
  assert.ok(Math.abs(store.state.closedUntil - Date.now() - 3_600_000) <= 150_000);
  commands.reopen();
  assert.equal(store.state.closedUntil, null);
});

test("where two takes are too many, sending the picture again asks for one", async () => {
  const limit = new ProblemError(429, { detail: "only 1 is left", code: "limit_reached" }, 3600);
  const api = new FakeApi(limit);
  const { commands, store } = page(api);
  await commands.addPictures({ files: [picture()] }, { ...wishes, takes: 2 });
  const { key, problem } = store.state.uploads[0];
  assert.match(problem, /다시 올리면 한 곡만 만들어요/);
  assert.equal(store.state.closedUntil, null);
  await commands.uploadAgain(key);
  assert.deepEqual(api.keys, [key, key]);
  assert.deepEqual(api.uploaded.map(([, track]) => track.takes), [1]);
  assert.equal(store.state.uploads[0].problem, null);
});

test("an export is asked for with its key, and a refusal is returned in words", async () => {
  const limit = new ProblemError(429, { code: "limit_reached" }, 3600);
  const api = new FakeApi(limit);
  const { commands, store } = page(api);
  assert.match((await commands.export("t1", "stems", "k1")).problem, /다시 만들 수 있어요/);
  assert.deepEqual(await commands.export("t1", "stems", "k1"), { track: "t1" });
  assert.deepEqual([api.keys, api.commands], [["k1", "k1"], [["s1", "t1", "stems", {}]]]);
  assert.equal(store.state.notice, null);
  assert.deepEqual(store.state.busy, {});
});

test("exports are not in the list of tracks", async () => {
  const { commands, store, watched } = page(new FakeApi());
  keep("session", kept);
  await commands.show("mine");
  await new Promise((resolve) => setTimeout(resolve));
  const loop = { track: "t2", status: "ready", request: { export: { kind: "loop", track: "t1" } } };
  watched[0].onTracks([loop, { track: "t1", status: "ready", request: {} }], true, false);
  assert.deepEqual(store.state.tracks.map(({ track }) => track), ["t1"]);
  assert.deepEqual(store.state.exports, [loop]);
});

test("a problem that the page has no text for is shown in the API's words", async () => {
  const { commands, store } = page(new FakeApi(new ProblemError(418, { detail: "Tea only.", code: "teapot" })));
  await commands.addPictures({ files: [picture()] }, wishes);
  assert.equal(store.state.uploads[0].problem, "Tea only.");
});

test("a session that the API does not know can be left", async () => {
  const { commands, store } = page(new FakeApi(new ProblemError(401, { detail: "Start a new session.", code: "unknown_session" })));
  await commands.addPictures({ files: [picture()] }, wishes);
  assert.deepEqual(store.state.notice, { words: "notice.expired", restart: true });
});

test("a session whose tracks may not be read can be left, and leaving it removes it", async () => {
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

test("files that are not pictures are refused by name, the others are uploaded", async () => {
  const api = new FakeApi();
  const { commands, store } = page(api);
  await commands.addPictures({ files: [new File(["x"], "notes.jpg", { type: "image/jpeg" }), picture()] }, wishes);
  assert.match(store.state.notice.words, /^notes\.jpg: /);
  assert.equal(api.uploaded.length, 1);
});

test("a picture's bytes decide its type, not its name or the browser", async () => {
  const api = new FakeApi();
  const { commands } = page(api);
  await commands.addPictures({ files: [new File([JPEG], "IMG_0001.png", { type: "image/x-unknown" })] }, wishes);
  assert.equal(api.uploaded[0][1].contentType, "image/jpeg");
});

test("of very many refused files only the first are named", async () => {
  const { commands, store } = page(new FakeApi());
  const files = Array.from({ length: 40 }, (_, place) => new File(["x"], `${place}.txt`));
  await commands.addPictures({ files }, wishes);
  const lines = store.state.notice.words.split("\n");
  assert.equal(lines.length, 6);
  assert.equal(lines[5], "그 밖에 35개를 받지 못했어요.");
});

test("the pictures of a folder are uploaded; its other files are counted, not named", async () => {
  const api = new FakeApi();
  const { commands, store } = page(api);
  const files = [picture("a.jpg"), new File(["x"], "notes.txt"), new File([], "empty"), picture("b")];
  await commands.addPictures({ files: [], folders: [{ name: "여름", files, whole: true }] }, wishes);
  assert.deepEqual(api.uploaded.map(([name]) => name), ["a.jpg", "b"]);
  assert.equal(store.state.notice.words, "여름: 사진만 올려요. 다른 파일 2개는 뺐어요.");
});

test("a folder without pictures, or with too many files, is named", async () => {
  const { commands, store } = page(new FakeApi());
  const give = (files, whole) => commands.addPictures({ files: [], folders: [{ name: "f", files, whole }] }, wishes);
  await give([new File(["x"], "notes.txt")], true);
  assert.equal(store.state.notice.words, "f: 이 폴더에는 사진이 없어요.");
  await give([], true);
  assert.equal(store.state.notice.words, "f: 이 폴더에는 사진이 없어요.");
  await give([], false);
  assert.match(store.state.notice.words, /^f: 읽을 수 없어요/);
  await give([picture()], false);
  assert.match(store.state.notice.words, /^f: 이 폴더에서 사진 1장만/);
});

/** A file that can be read `times` times and then has changed. */
class FleetingFile extends File {
  times = 0;

  async arrayBuffer() {
    if (this.times === 0) throw new DOMException("changed", "NotReadableError");
    this.times -= 1;
    return super.arrayBuffer();
  }
}

test("a file that changed after it was chosen has to be chosen again, and nothing is announced", async () => {
  const api = new FakeApi();
  const { commands, store } = page(api);
  await commands.addPictures({ files: [new FleetingFile([JPEG], "a.jpg")] }, wishes);
  const [upload] = store.state.uploads;
  assert.equal(upload.problem, "고른 뒤에 파일이 바뀌었거나 없어졌어요. 다시 골라 주세요.");
  assert.deepEqual([upload.gone, upload.waits], [true, false]);
  assert.deepEqual(api.keys, []);
});

test("a file of another size than it had has changed, though it can be read", async () => {
  const { commands, store } = page(new FakeApi());
  const grown = picture();
  grown.arrayBuffer = async () => new Uint8Array([...JPEG, 1]).buffer;
  await commands.addPictures({ files: [grown] }, wishes);
  assert.equal(store.state.uploads[0].gone, true);
});

test("a file that changes while it is sent does no harm", async () => {
  const api = new FakeApi();
  const { commands, store } = page(api);
  const file = new FleetingFile([JPEG], "a.jpg");
  file.times = 1;
  await commands.addPictures({ files: [file] }, wishes);
  assert.equal(store.state.uploads[0].problem, null);
  assert.equal(api.uploaded.length, 1);
});

test("a file that cannot be read is refused by name", async () => {
  const { commands, store } = page(new FakeApi());
  const lost = picture("lost.jpg");
  lost.slice = () => ({ arrayBuffer: () => Promise.reject(new DOMException("gone", "NotFoundError")) });
  await commands.addPictures({ files: [lost] }, wishes);
  assert.match(store.state.notice.words, /^lost\.jpg: 읽을 수 없어요/);
});

test("showing the dropped pictures opens no session", async () => {
  const api = new FakeApi();
  const { commands, watched } = page(api);
  await commands.show("drops");
  assert.equal(api.sessions, 0);
  assert.deepEqual(sessions(watched), ["d1"]);
});

test("a new version is shown as soon as the listener reports it", async () => {
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

test("the reason for a refused version is shown beside its form", async () => {
  keep("session", kept);
  const { commands, store } = page(new FakeApi(new ProblemError(400, { detail: "title must", code: "invalid_request" })));
  assert.match(await commands.again("t1", "key-of-sixteen-or-more", {}), /받을 수 없는 것/);
  assert.equal(store.state.notice, null);
  assert.deepEqual(store.state.busy, {});
});

test("a track shows as busy while a command is on its way", async () => {
  keep("session", kept);
  const { commands, store } = page(new FakeApi());
  const cancelling = commands.cancel("t1");
  assert.deepEqual(store.state.busy, { t1: "cancel" });
  await cancelling;
  assert.deepEqual(store.state.busy, {});
});

test("a like is shown at once, until the listener has received it", async () => {
  const api = new FakeApi();
  const { commands, store, watched } = page(api);
  keep("session", kept);
  await commands.show("mine");
  const likes = () => isLiked(store.state.tracks[0], store.state.busy);
  watched[0].onTracks([{ track: "t1" }], true, false);
  const liking = commands.like(store.state.tracks[0]);
  assert.equal(likes(), true);
  await new Promise(setImmediate);
  assert.deepEqual(api.commands, [["kept", "t1", "like", { liked: true }]]);
  assert.equal(likes(), true);
  watched[0].onTracks([{ track: "t1", liked: true }], true, false);
  await liking;
  assert.deepEqual([likes(), store.state.busy], [true, {}]);
});

test("a refused like is taken back, and the limit of likes closes nothing", async () => {
  const { commands, store, watched } = page(new FakeApi(new ProblemError(429, { code: "limit_reached" }, 60)));
  keep("session", kept);
  await commands.show("mine");
  watched[0].onTracks([{ track: "t1", liked: true }], true, false);
  await commands.like(store.state.tracks[0]);
  assert.deepEqual([isLiked(store.state.tracks[0], store.state.busy), store.state.closedUntil], [true, null]);
  assert.match(store.state.notice.words, /^오늘은 더 할 수 없어요\. .+부터 다시 할 수 있어요\.$/);
});

test("a refused mark is said in its own words; other errors are not the API's", async () => {
  keep("session", kept);
  const limit = new ProblemError(429, { code: "limit_reached" }, 60);
  const { commands, store } = page(new FakeApi(limit, new NetworkError("down"), new ProblemError(401, { code: "unknown_session" })));
  const said = async () => {
    const error = await commands.mark("t1", "ab").catch((caught) => caught);
    assert.ok(commands.complain(error));
    return store.state.notice;
  };
  assert.match((await said()).words, /^오늘은 더 할 수 없어요/);
  assert.match((await said()).words, /서버에 연결하지 못했어요/);
  assert.deepEqual(await said(), { words: "notice.expired", restart: true });
  assert.equal(store.state.closedUntil, null);
  assert.ok(!commands.complain(new Error("an encoder")));
});

test("a received session is kept and shown, and uploads of the one before are forgotten", async () => {
  const { commands, store, watched } = page(new FakeApi());
  keep("session", kept);
  await commands.show("mine");
  const received = { ...kept, session: "received" };
  await commands.receive(received);
  assert.deepEqual(recall("session"), received);
  assert.deepEqual([store.state.session, sessions(watched), store.state.uploads], [received, ["received"], []]);
});

test("deleting everything deletes the session and leaves it; if that fails, the session stays", async () => {
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
