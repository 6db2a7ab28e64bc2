// Whose tracks are shown: the session at hand, the one that the browser kept, or a new one when a picture needs it.
import { alone, keep, recall } from "./session.js";

const AGAIN_MILLISECONDS = 3_000;

export class Sessions {
  #store;
  #api;
  #watchTracks;
  #unwatch = () => {};
  #starting = null;

  /** `watchTracks` promises the live listener, which is loaded when it is first needed. */
  constructor(store, api, watchTracks) {
    this.#store = store;
    this.#api = api;
    this.#watchTracks = watchTracks;
  }

  /** Show this browser's tracks or the dropped pictures'. */
  async show(view) {
    this.#unwatch();
    this.#store.change({ view, tracks: null, live: false, selected: null, notice: null });
    if (view === "drops") {
      await this.#watch(this.#store.state.dropSession, { words: "notice.dropsClosed", restart: false });
      return;
    }
    const session = this.#store.state.session ?? recall("session");
    this.#store.change({ session });
    // Without a session there is nothing to load, and none is made before there is a picture.
    if (session === null) this.#store.change({ tracks: [], live: true });
    else await this.#watchMine(session);
  }

  /** Show again what could not be shown without a network. */
  async resume() {
    if (this.#store.state.tracks === null) await this.show(this.#store.state.view);
  }

  /** The session that commands are given in; a first picture makes one. */
  current() {
    this.#starting ??= alone("session", () => this.#start()).finally(() => (this.#starting = null));
    return this.#starting;
  }

  /** Leave the session. */
  async leave() {
    keep("session", null);
    this.#store.change({ session: null });
    await this.show("mine");
  }

  /** Go along where another tab has made or left a session. */
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

  async #watchMine({ session, expiresAt }) {
    const expired = { words: "notice.expired", restart: true };
    if (Date.parse(expiresAt) < Date.now()) this.#store.change({ tracks: [], notice: expired });
    else await this.#watch(session, expired);
  }

  async #watch(session, closed) {
    this.#unwatch();
    let watching = true;
    this.#unwatch = () => (watching = false);
    const watchTracks = await this.#watchTracks().catch(() => null);
    // The person may have gone elsewhere while the listener was loaded.
    if (!watching) return;
    if (watchTracks === null) {
      // Without a network the page says so already, and shows the tracks when it is back.
      if (this.#store.state.online) this.#store.change({ notice: { words: "notice.live", restart: false } });
      setTimeout(() => watching && this.resume(), AGAIN_MILLISECONDS);
      return;
    }
    this.#unwatch = watchTracks(
      session,
      (tracks, live) => {
        performance.mark("tracks");
        // What memory holds is nothing at first: that there is no music only the server can say.
        const known = live || tracks.length > 0 ? tracks : this.#store.state.tracks;
        this.#store.change({ tracks: known, live });
      },
      (code) => {
        const notice = code === "permission-denied" ? closed : { words: "notice.live", restart: false };
        this.#store.change({ tracks: [], live: false, notice });
      },
    );
  }
}
