// What a person can do here; each command changes the store, and nothing else does.
import { closedUntil, problemWords } from "./problems.js";
import { keep } from "./session.js";
import { Sessions } from "./sessions.js";
import { Uploads } from "./uploads.js";

const ARRIVES_WITHIN_MILLISECONDS = 10_000;
const ERASE_REQUESTS = 20;

export class Commands {
  #store;
  #api;
  #sessions;
  #uploads;

  constructor(store, api, watchTracks) {
    this.#store = store;
    this.#api = api;
    this.#sessions = new Sessions(store, api, watchTracks);
    this.#uploads = new Uploads(store, api, this.#sessions);
  }

  speak(language) {
    keep("language", language);
    this.#store.change({ language });
  }

  show(view) {
    return this.#sessions.show(view);
  }

  /** Another tab has made or left a session. */
  async adopt(session) {
    const { session: before } = this.#store.state;
    // What was uploaded here went into the session that is left.
    if (before && before.session !== session?.session) this.#uploads.forgetAll();
    await this.#sessions.adopt(session);
  }

  /** Bring a picture or a version of it onto the stage. */
  select(key) {
    this.#store.change({ selected: key });
  }

  notify(words, places = {}) {
    this.#store.change({ notice: { words, places, restart: false } });
  }

  closeNotice() {
    this.#store.change({ notice: null });
  }

  /** The network has come or gone. */
  async connected(online) {
    this.#store.change({ online });
    if (!online) return;
    await this.#sessions.resume();
    await this.#uploads.resume();
  }

  addPictures(files, wishes) {
    return this.#uploads.add(files, wishes);
  }

  uploadAgain(key) {
    return this.#uploads.again(key);
  }

  cancelUpload(key) {
    return this.#uploads.cancel(key);
  }

  /**
   * Make another take of a track's picture; the same key and edit make one take, however often they are sent.
   * Returns the words of what went wrong, or null.
   */
  async again(track, key, edit) {
    const made = await this.#command(track, "again", key, edit, (problem) => problem);
    if (typeof made === "string") return made;
    await this.#arrival(made.track);
    this.select(made.track);
    return null;
  }

  /** End a track that is under way. */
  async cancel(track) {
    await this.#command(track, "cancel", crypto.randomUUID());
  }

  /** Begin the next attempt of a track that has failed. */
  async retry(track) {
    await this.#command(track, "retry", crypto.randomUUID());
  }

  /** Delete a track with its picture and music. */
  async erase(track) {
    await this.#busy(track, "erase", (session) => this.#api.eraseTrack(session, track));
    const upload = this.#store.state.uploads.find((one) => one.track === track);
    if (upload && !this.#store.state.notice) this.#uploads.forget(upload.key);
  }

  /** Delete everything of this session, and leave it. */
  async eraseAll() {
    const { session } = this.#store.state;
    // What is still to be sent would come too late, or just in time to stay.
    this.#uploads.forgetAll();
    try {
      if (session) await this.#erased(session);
    } catch (error) {
      this.#store.change({ notice: { words: problemWords(this.#store.state.language, error), restart: false } });
      return;
    }
    await this.reset();
  }

  /** A large session takes several requests: each goes on where the one before had to stop. */
  async #erased(session, patience = ERASE_REQUESTS) {
    try {
      await this.#api.eraseSession(session);
    } catch (error) {
      if (error.code !== "unavailable" || patience <= 1) throw error;
      await new Promise((resolve) => setTimeout(resolve, (error.retryAfter ?? 1) * 1000));
      await this.#erased(session, patience - 1);
    }
  }

  /** Leave the session for a new one. */
  async reset() {
    this.#uploads.forgetAll();
    await this.#sessions.leave();
  }

  #command(track, verb, key, body, onProblem) {
    return this.#busy(track, verb, (session) => this.#api.command(session, track, verb, key, body), onProblem);
  }

  /** Send a request for a track, which shows as busy until the answer; a refusal becomes a notice. */
  async #busy(track, verb, send, onProblem = (words) => this.notify(words)) {
    this.#store.change({ busy: { ...this.#store.state.busy, [track]: verb } });
    try {
      return await send(await this.#sessions.current());
    } catch (error) {
      const until = closedUntil(error);
      if (until) this.#store.change({ closedUntil: until });
      if (error.isAboutSession) this.#store.change({ notice: { words: "notice.expired", restart: true } });
      return onProblem(problemWords(this.#store.state.language, error));
    } finally {
      const { [track]: _, ...busy } = this.#store.state.busy;
      this.#store.change({ busy });
    }
  }

  /** Wait until the listener knows a track. */
  #arrival(track) {
    return new Promise((resolve) => {
      const arrived = () => (this.#store.state.tracks ?? []).some((one) => one.track === track);
      const look = () => {
        if (!arrived()) return;
        clearTimeout(waited);
        this.#store.removeEventListener("change", look);
        resolve();
      };
      const waited = setTimeout(resolve, ARRIVES_WITHIN_MILLISECONDS);
      this.#store.addEventListener("change", look);
      look();
    });
  }
}
