// Playback: the audio, the system's media keys, and one playing tab at a time.

const STEP_SECONDS = 5;

export class Playback {
  #host;
  #description = {};
  #artwork = "";
  #elsewhere = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("playing");

  /** @param {HTMLElement} host the element that contains the audio element */
  constructor(host) {
    this.#host = host;
    this.on("play", () => this.#begin());
    this.#elsewhere?.addEventListener("message", () => this.#audio.pause());
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
   * Continue with other music at a place in time, without a gap: what is heard plays until the other can play.
   * Return whether the other music was loaded.
   */
  async change(url, { seconds = null, playing = !this.#audio.paused } = {}) {
    const heard = this.#audio;
    const next = heard.cloneNode();
    Object.assign(next, { src: url, preload: "auto", loop: heard.loop, muted: heard.muted, volume: heard.volume });
    const can = await Promise.race([happened(next, "canplaythrough", true), happened(next, "error", false)]);
    if (!can || heard !== this.#audio) return false;
    next.currentTime = Math.min(seconds ?? heard.currentTime, next.duration);
    if (playing) await next.play().catch(() => {});
    heard.pause();
    heard.replaceWith(next);
    heard.removeAttribute("src");
    heard.load();
    if (playing) this.#begin();
    return true;
  }

  /** Load this music. Music that is already loaded keeps playing. */
  load(url) {
    if (this.#audio.getAttribute("src") === url) return;
    this.#audio.pause();
    if (url) this.#audio.src = url;
    else this.#audio.removeAttribute("src");
    this.#audio.load();
  }

  /** Set what the system's player shows while this music plays: `{title, artist, cover}`. */
  describe(description) {
    this.#description = description;
  }

  /** Show the description in the system's player. */
  async #tell() {
    if (!("mediaSession" in navigator)) return;
    const { title, artist, cover } = this.#description;
    navigator.mediaSession.metadata = new MediaMetadata({ title, artist });
    // Given the cover's URL, the browser would fetch it without CORS and cache an answer that the page's images cannot use.
    const picture = cover ? await fetch(cover).then((answer) => answer.blob(), () => null) : null;
    if (picture === null || this.#description.title !== title) return;
    URL.revokeObjectURL(this.#artwork);
    this.#artwork = URL.createObjectURL(picture);
    const artwork = [{ src: this.#artwork, type: picture.type, sizes: "any" }];
    navigator.mediaSession.metadata = new MediaMetadata({ title, artist, artwork });
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
