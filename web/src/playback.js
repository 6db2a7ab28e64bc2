// Playback: the audio, the system's media keys, and one playing tab at a time.

const STEP_SECONDS = 5;

export class Playback {
  #audio;
  #description = {};
  #artwork = "";
  #elsewhere = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("playing");

  /** @param {HTMLAudioElement} audio */
  constructor(audio) {
    this.#audio = audio;
    audio.addEventListener("play", () => {
      this.#elsewhere?.postMessage(null);
      this.#tell();
    });
    this.#elsewhere?.addEventListener("message", () => audio.pause());
    this.#takeMediaKeys();
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
