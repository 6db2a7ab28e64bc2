// What a person can do here; each command changes the store, and nothing else does.
import { NetworkError, ProblemError } from "./api.js";
import { contentType, objection } from "./pictures.js";
import { keep, recall } from "./session.js";
import { text } from "./texts.js";

const UPLOADS_AT_ONCE = 3;

export class Commands {
  #store;
  #api;
  #watchTracks;
  #unwatch = () => {};
  #starting = null;
  #visit = new AbortController();

  constructor(store, api, watchTracks) {
    this.#store = store;
    this.#api = api;
    this.#watchTracks = watchTracks;
  }

  speak(language) {
    keep("language", language);
    this.#store.change({ language });
  }

  /** Show this browser's tracks or the dropped pictures'. */
  async show(view) {
    this.#unwatch();
    this.#store.change({ view, tracks: null, notice: null });
    if (view === "drops") {
      this.#watch(this.#store.state.dropSession, { words: "notice.dropsClosed", restart: false });
      return;
    }
    const session = await this.#session();
    // The person may have gone elsewhere while the session was being made.
    if (session && this.#store.state.view === view) {
      this.#watch(session.session, { words: "notice.expired", restart: true });
    }
  }

  /** Leave the session for a new one. */
  async reset() {
    this.#visit.abort();
    this.#visit = new AbortController();
    for (const { preview } of this.#store.state.uploads) URL.revokeObjectURL(preview);
    keep("session", null);
    this.#starting = null;
    this.#store.change({ session: null, uploads: [] });
    await this.show("mine");
  }

  closeNotice() {
    this.#store.change({ notice: null });
  }

  /** Make music of files; `wishes` are `{hint, style, durationSeconds}`. */
  async addPictures(files, wishes) {
    const { language } = this.#store.state;
    const refused = files.filter(objection).map((file) => text(language, objection(file), { name: file.name }));
    if (refused.length > 0) this.#store.change({ notice: { words: refused.join("\n"), restart: false } });
    const uploads = files
      .filter((file) => !objection(file))
      .map((file) => ({
        key: crypto.randomUUID(),
        file,
        wishes: { ...wishes, language },
        track: null,
        preview: URL.createObjectURL(file),
        fraction: null,
        problem: null,
      }));
    this.#store.change({ uploads: [...uploads, ...this.#store.state.uploads] });
    const queue = uploads.values();
    const worker = async () => {
      for (const upload of queue) await this.#upload(upload);
    };
    await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, worker));
  }

  /** Try an upload again under its key, which makes the same track of it. */
  async uploadAgain(key) {
    const upload = this.#store.state.uploads.find((one) => one.key === key);
    if (upload) await this.#upload(upload);
  }

  async #upload({ key, file, wishes }) {
    const { signal } = this.#visit;
    this.#changeUpload(key, { fraction: null, problem: null });
    try {
      const session = await this.#session();
      if (!session || signal.aborted) return;
      const announced = { ...wishes, contentType: contentType(file), bytes: file.size };
      const { track, upload } = await this.#api.createTrack(session, key, announced, signal);
      this.#changeUpload(key, { track, fraction: 0 });
      await this.#api.putFile(upload, file, (fraction) => this.#changeUpload(key, { fraction }), signal);
      this.#changeUpload(key, { fraction: 1 });
    } catch (error) {
      if (signal.aborted) return;
      this.#changeUpload(key, { fraction: null, problem: problemWords(this.#store.state.language, error) });
      // Storage's own refusals say nothing of the session: only a track that was never made does.
      const made = this.#store.state.uploads.find((one) => one.key === key)?.track;
      if (error.isAboutSession && !made) this.#store.change({ notice: { words: "notice.expired", restart: true } });
    }
  }

  #changeUpload(key, part) {
    const uploads = this.#store.state.uploads.map((upload) => (upload.key === key ? { ...upload, ...part } : upload));
    this.#store.change({ uploads });
  }

  /** The session: the one at hand, the one kept, or a new one; null, with a notice, if there is none to be had. */
  #session() {
    this.#starting ??= this.#start().catch((error) => {
      this.#starting = null;
      this.#store.change({ notice: { words: problemWords(this.#store.state.language, error), restart: true } });
      return null;
    });
    return this.#starting;
  }

  async #start() {
    const { language } = this.#store.state;
    const session = recall("session") ?? (await this.#api.createSession(crypto.randomUUID(), language));
    keep("session", session);
    this.#store.change({ session });
    return session;
  }

  #watch(session, closed) {
    this.#unwatch = this.#watchTracks(
      session,
      (tracks) => this.#store.change({ tracks }),
      (code) => {
        const notice = code === "permission-denied" ? closed : { words: "notice.live", restart: false };
        this.#store.change({ tracks: [], notice });
      },
    );
  }
}

/** The words of a failure: ours for what a person can put right, otherwise the API's own. */
function problemWords(language, error) {
  if (error instanceof NetworkError) return "notice.network";
  if (!(error instanceof ProblemError)) throw error;
  return text(language, `problems.${error.code}`, {}, error.message || "notice.server");
}
