// The commands that a person can give. Only they change the store.
import { closedUntil, isRefusal, problemWords } from "./problems.js";
import { keep } from "./session.js";
import { Sessions } from "./sessions.js";
import { isLiked } from "./tracks.js";
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

  /** The API, for a dialog that waits for its answers. */
  get api() {
    return this.#api;
  }

  speak(language) {
    keep("language", language);
    this.#store.change({ language });
  }

  show(view) {
    return this.#sessions.show(view);
  }

  /** Show another page of older tracks. */
  older() {
    this.#sessions.older();
  }

  /** Follow another tab that created or left a session. */
  async adopt(session) {
    const { session: before } = this.#store.state;
    // This tab's uploads belong to the session that is left.
    if (before && before.session !== session?.session) this.#uploads.forgetAll();
    await this.#sessions.adopt(session);
  }

  /** Show a picture, or one of its versions, on the stage. */
  select(key) {
    this.#store.change({ selected: key });
  }

  notify(words, places = {}) {
    this.#store.change({ notice: { words, places, restart: false } });
  }

  /** Return the message for an error. Throws the error if it is not for people. */
  words(error) {
    return problemWords(this.#store.state.language, error);
  }

  /** Say in a notice why the API or the network refused something. Returns false for any other error. */
  complain(error) {
    if (!isRefusal(error)) return false;
    if (error.isAboutSession) this.#store.change({ notice: { words: "notice.expired", restart: true } });
    else this.notify(this.words(error));
    return true;
  }

  /** Open again after the day's limit has ended. */
  reopen() {
    this.#store.change({ closedUntil: null });
  }

  closeNotice() {
    this.#store.change({ notice: null });
  }

  /** Handle a change of the network's state. */
  async connected(online) {
    this.#store.change({ online });
    if (!online) {
      this.#uploads.wait();
      return;
    }
    await this.#sessions.resume();
    await this.#uploads.resume();
  }

  /** Make music from the pictures of a gift. */
  addPictures(gift, wishes) {
    return this.#uploads.add(gift, wishes);
  }

  uploadAgain(key) {
    return this.#uploads.again(key);
  }

  cancelUpload(key) {
    return this.#uploads.cancel(key);
  }

  /**
   * Make another version of a track. The same key and edit make one version, however often they are sent.
   * Returns an error message, or null.
   */
  async again(track, key, edit) {
    const made = await this.#command(track, "again", key, edit, (problem) => problem);
    if (typeof made === "string") return made;
    await this.#arrival(({ track: one }) => one === made.track);
    this.select(made.track);
    return null;
  }

  /** Ask for an export of a track. The same key makes one export. Returns `{track}` of the export, or `{problem}`. */
  async export(track, kind, key) {
    const made = await this.#command(track, kind, key, {}, (problem) => problem);
    return typeof made === "string" ? { problem: made } : { track: made.track };
  }

  /** Cancel a track that is not finished. */
  async cancel(track) {
    await this.#command(track, "cancel", crypto.randomUUID());
  }

  /** Start the next attempt of a failed track. */
  async retry(track) {
    await this.#command(track, "retry", crypto.randomUUID());
  }

  /** Return the mark of a video with this hash, in base64; null for the music of others and if the operator has none. */
  async mark(track, sha256) {
    if (this.#store.state.view !== "mine") return null;
    const session = await this.#sessions.current();
    return (await this.#api.command(session, track, "mark", crypto.randomUUID(), { sha256 })).box;
  }

  /** Like a track, or not any more; it is shown at once, until the listener has received it. */
  async like(shown) {
    const { track } = shown;
    const liked = !isLiked(shown, this.#store.state.busy);
    await this.#busy(track, liked ? "like" : "unlike", async (session) => {
      await this.#api.command(session, track, "like", null, { liked });
      await this.#arrival((one) => one.track === track && one.liked === liked);
    });
  }

  /** Leave this session for one of another device. */
  async receive(session) {
    keep("session", session);
    await this.adopt(session);
  }

  /** Delete a track with its picture and music. */
  async erase(track) {
    await this.#busy(track, "erase", (session) => this.#api.eraseTrack(session, track));
    const upload = this.#store.state.uploads.find((one) => one.track === track);
    if (upload && !this.#store.state.notice) this.#uploads.forget(upload.key);
  }

  /** Delete everything in this session, and leave it. */
  async eraseAll() {
    const { session } = this.#store.state;
    // An upload that is still running could arrive after the deletion and stay.
    this.#uploads.forgetAll();
    try {
      if (session) await this.#erased(session);
    } catch (error) {
      if (!this.complain(error)) throw error;
      return;
    }
    await this.reset();
  }

  /** Delete a session; a large one takes several requests, each of which continues where the last one stopped. */
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

  /** Send a request for a track, and mark the track as busy until the answer. A refusal becomes a notice. */
  async #busy(track, verb, send, onProblem = (words) => this.notify(words)) {
    this.#store.change({ busy: { ...this.#store.state.busy, [track]: verb } });
    try {
      return await send(await this.#sessions.current());
    } catch (error) {
      const until = closedUntil(error);
      const makesMusic = !verb.endsWith("like");
      if (until && makesMusic) this.#store.change({ closedUntil: until });
      if (error.isAboutSession) this.#store.change({ notice: { words: "notice.expired", restart: true } });
      return onProblem(problemWords(this.#store.state.language, error, makesMusic ? "picker.closed" : undefined));
    } finally {
      const { [track]: _, ...busy } = this.#store.state.busy;
      this.#store.change({ busy });
    }
  }

  /** Wait until the listener has received a track like this. */
  #arrival(isIt) {
    return new Promise((resolve) => {
      const look = () => {
        if (!this.#store.state.tracks?.some(isIt)) return;
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
