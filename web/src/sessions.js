// Chooses the session whose tracks are shown: the current one, the one that the browser kept, or a new one.
import { newSketches } from "./estimates.js";
import { alone, keep, recall } from "./session.js";
import { isExport } from "./tracks.js";

const AGAIN_MILLISECONDS = 3_000;

export class Sessions {
  #store;
  #api;
  #watchTracks;
  #unwatch = () => {};
  #starting = null;

  /** @param {() => Promise<Function>} watchTracks loads the live listener when it is first needed */
  constructor(store, api, watchTracks) {
    this.#store = store;
    this.#api = api;
    this.#watchTracks = watchTracks;
  }

  /** Show the tracks of this browser, or those of the dropped pictures. */
  async show(view) {
    this.#unwatch();
    this.#store.change({ view, tracks: null, live: false, more: false, selected: null, notice: null });
    if (view === "drops") {
      await this.#watch(this.#store.state.dropSession, { words: "notice.dropsClosed", restart: false });
      return;
    }
    const session = this.#store.state.session ?? recall("session");
    this.#store.change({ session });
    // No session is created before the first picture, so there is nothing to load.
    if (session === null) this.#store.change({ tracks: [], live: true });
    else await this.#watchMine(session);
  }

  /** Load the tracks that could not be loaded without a network. */
  async resume() {
    if (this.#store.state.tracks === null) await this.show(this.#store.state.view);
  }

  /** Show another page of older tracks. */
  older() {
    this.#unwatch.older?.();
  }

  /** Return the session for commands; the first picture creates it. */
  current() {
    this.#starting ??= alone("session", () => this.#start()).finally(() => (this.#starting = null));
    return this.#starting;
  }

  async leave() {
    keep("session", null);
    this.#store.change({ session: null });
    await this.show("mine");
  }

  /** Follow another tab that created or left a session. */
  async adopt(session) {
    if (session?.session === this.#store.state.session?.session) return;
    this.#store.change({ session });
    if (this.#store.state.view === "mine") await this.show("mine");
  }

  async #start() {
    const kept = this.#store.state.session ?? recall("session");
    if (kept) return kept;
    const session = await this.#api.createSession(crypto.randomUUID(), this.#store.state.language);
    keep("session", session);
    this.#store.change({ session });
    if (this.#store.state.view === "mine") await this.#watchMine(session);
    return session;
  }

  /** Watch a session of this browser. Only the server knows whether it has expired: this computer's clock may be off. */
  async #watchMine({ session }) {
    await this.#watch(session, { words: "notice.expired", restart: true });
  }

  async #watch(session, closed) {
    this.#unwatch();
    let watching = true;
    this.#unwatch = () => (watching = false);
    const watchTracks = await this.#watchTracks().catch(() => null);
    // The person may have changed the view while the listener was loaded.
    if (!watching) return;
    if (watchTracks === null) {
      // If the page is offline it already says so, and it shows the tracks when the network is back.
      if (this.#store.state.online) this.#store.change({ notice: { words: "notice.live", restart: false } });
      setTimeout(() => watching && this.resume(), AGAIN_MILLISECONDS);
      return;
    }
    this.#unwatch = watchTracks(
      session,
      (all, live, more) => {
        performance.mark("tracks");
        // An export is a download of its source, not music of its own.
        const [tracks, exports] = [all.filter((track) => !isExport(track)), all.filter(isExport)];
        // The SDK's cache is empty at first: only the server can say that there are no tracks.
        const known = live || all.length > 0 ? tracks : this.#store.state.tracks;
        const { tracks: before, sketched } = this.#store.state;
        this.#store.change({ tracks: known, exports, live, more, sketched: [...sketched, ...newSketches(before, tracks)] });
      },
      (code) => {
        const notice = code === "permission-denied" ? closed : { words: "notice.live", restart: false };
        this.#store.change({ tracks: [], live: false, more: false, notice });
      },
    );
  }
}
