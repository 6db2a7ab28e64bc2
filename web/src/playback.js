// Playback: the audio, the system's media keys, and one playing tab at a time.

const STEP_SECONDS = 5;
// The clock of a sound that starts stands still for a moment after its first steps.
const SETTLES_SECONDS = 0.2;
// A browser that loads nothing before it plays, such as Safari, never says that it can play to the end.
const PATIENCE_MILLISECONDS = 8_000;

export class Playback {
  #host;
  #description = {};
  #artwork = "";
  // Each change or load gets its own object, so an older one that still waits can see that it is out of date.
  #latest = {};
  // Whether the sound that loads begins to play, although none plays before it. Another tab that plays prevents it.
  #begins = false;
  #elsewhere = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("playing");

  /** @param {HTMLElement} host the element that contains the audio element */
  constructor(host) {
    this.#host = host;
    this.on("play", () => this.#begin());
    this.#elsewhere?.addEventListener("message", () => {
      this.#begins = false;
      this.#audio.pause();
    });
    this.#takeMediaKeys();
  }

  /** The audio element that is heard; `change` replaces it. */
  get #audio() {
    return this.#host.querySelector("audio");
  }

  /** Call `act` at an event of the audio. Events of media do not bubble, so this listens while they come down. */
  on(name, act) {
    this.#host.addEventListener(name, ({ target }) => target === this.#audio && act(), true);
  }

  #begin() {
    this.#elsewhere?.postMessage(null);
    this.#tell();
  }

  /**
   * Continue with other music without a gap: what is heard plays until the other music plays.
   * By default it continues at the same place, and plays if the first one does at that moment. Shorter music that has
   * no such place begins at its start.
   * Return true if it did, false if the other music cannot be loaded, and null if it was no longer wanted.
   */
  async change(url, { seconds = null, begin = false } = {}) {
    const heard = this.#audio;
    const latest = (this.#latest = {});
    this.#begins = begin;
    const next = heard.cloneNode();
    Object.assign(next, { src: url, preload: "auto" });
    const waited = new Promise((resolve) => setTimeout(resolve, PATIENCE_MILLISECONDS, true));
    const can = await Promise.race([happened(next, "canplaythrough", true), happened(next, "error", false), waited]);
    if (latest !== this.#latest) return null;
    if (!can) return false;
    const wanted = seconds ?? heard.currentTime;
    const place = wanted > next.duration - 1 ? 0 : wanted;
    next.currentTime = place;
    if (this.#begins || !heard.paused) {
      // Both play for a moment. Unmuting would interrupt the sound, so the volume is what changes.
      if (!begin) next.volume = 0;
      await next.play().catch(() => {});
      if (!begin && place === wanted) await this.#align(next, heard);
    }
    const isHeard = this.#begins || !heard.paused;
    if (latest !== this.#latest || !isHeard) next.pause();
    if (latest !== this.#latest) return null;
    Object.assign(next, { muted: heard.muted, volume: heard.volume });
    if (isHeard && next.paused) {
      // Some browsers play only the element that the person has started.
      Object.assign(heard, { src: url, currentTime: place });
      await heard.play().catch(() => {});
      return true;
    }
    heard.pause();
    heard.replaceWith(next);
    heard.removeAttribute("src");
    heard.load();
    return true;
  }

  /** Let the next sound catch up with the one that is heard: it starts late, so it starts again, ahead by as much. */
  async #align(next, heard) {
    const goesOn = async () => {
      const from = next.currentTime;
      while (next.currentTime < from + SETTLES_SECONDS && !next.paused && !heard.paused) await new Promise((resolve) => setTimeout(resolve, 9));
    };
    await goesOn();
    next.currentTime = 2 * heard.currentTime - next.currentTime;
    await goesOn();
  }

  /** Load this music, at a place of it. Music that is already loaded keeps playing. */
  load(url, seconds = 0) {
    this.#latest = {};
    if (this.#audio.getAttribute("src") === url) return;
    if ("mediaSession" in navigator) navigator.mediaSession.metadata = null;
    this.#audio.pause();
    if (url) this.#audio.src = url;
    else this.#audio.removeAttribute("src");
    this.#audio.load();
    // Before it is loaded, this is where it will begin.
    if (seconds > 0) this.#audio.currentTime = seconds;
  }

  /** Set what the system's player shows while this music plays: `{title, artist, album, cover}`. */
  describe(description) {
    if (JSON.stringify(description) === JSON.stringify(this.#description)) return;
    this.#description = description;
    if (!this.#audio.paused) this.#tell();
  }

  /** Show the description in the system's player. */
  async #tell() {
    if (!("mediaSession" in navigator)) return;
    const description = this.#description;
    const { cover, ...words } = description;
    navigator.mediaSession.metadata = new MediaMetadata(words);
    // Given the cover's URL, the browser would fetch it without CORS and cache an answer that the page's images cannot use.
    const picture = cover ? await fetch(cover).then((answer) => answer.blob(), () => null) : null;
    if (picture === null || this.#description !== description || this.#audio.paused) return;
    URL.revokeObjectURL(this.#artwork);
    this.#artwork = URL.createObjectURL(picture);
    const artwork = [{ src: this.#artwork, type: picture.type, sizes: "any" }];
    navigator.mediaSession.metadata = new MediaMetadata({ ...words, artwork });
  }

  /** Play or pause. If the browser refuses to play, for example before the first click, nothing changes. */
  toggle() {
    if (this.#audio.paused) this.#audio.play().catch(() => {});
    else this.#audio.pause();
  }

  seek(seconds) {
    const end = this.#audio.duration;
    if (Number.isFinite(end)) this.#audio.currentTime = Math.min(end, Math.max(0, seconds));
  }

  skip(seconds) {
    this.seek(this.#audio.currentTime + seconds);
  }

  #takeMediaKeys() {
    if (!("mediaSession" in navigator)) return;
    const actions = {
      play: () => this.#audio.play(),
      pause: () => this.#audio.pause(),
      stop: () => {
        this.#audio.pause();
        this.seek(0);
      },
      seekbackward: ({ seekOffset }) => this.skip(-(seekOffset ?? STEP_SECONDS)),
      seekforward: ({ seekOffset }) => this.skip(seekOffset ?? STEP_SECONDS),
      seekto: ({ seekTime }) => this.seek(seekTime),
    };
    for (const [name, act] of Object.entries(actions)) {
      try {
        navigator.mediaSession.setActionHandler(name, act);
      } catch {
        // The browser does not support the action.
      }
    }
  }
}

function happened(element, name, value) {
  return new Promise((resolve) => element.addEventListener(name, () => resolve(value), { once: true }));
}
