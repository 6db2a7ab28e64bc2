// The player: an audio element with a waveform that is a slider, time, loop and volume.
import { clock, span } from "../format.js";
import { Playback } from "../playback.js";
import { localise, text } from "../texts.js";
import { BARS, waveform } from "../waveform.js";
import { setPressed, setText } from "./connected.js";

const STEP_SECONDS = 5;
const PAGE_SHARE = 0.1;

export class MusicPlayer extends HTMLElement {
  #playback;
  #language = "ko";
  #seconds = 0;
  #title = "";
  #ticking = null;

  connectedCallback() {
    const part = (name) => this.querySelector(`[data-part="${name}"]`);
    [this.audio, this.wave, this.button] = [part("audio"), part("wave"), part("play")];
    [this.time, this.length, this.wrong] = [part("time"), part("duration"), part("wrong")];
    [this.loop, this.mute, this.volume] = [part("loop"), part("mute"), part("volume")];
    for (const svg of this.wave.querySelectorAll("svg")) svg.setAttribute("viewBox", `0 0 ${BARS} 100`);
    this.#playback = new Playback(this.audio);
    this.#listen();
  }

  /** Show texts in this language. */
  speak(language) {
    this.#language = language;
    localise(this, language);
    this.#update();
  }

  /** Show music: `{url, peaks, durationSeconds}` with its title, artist and cover; null stops and shows nothing. */
  show(music, { title = "", artist = "", cover = null } = {}) {
    this.#title = title;
    if (this.audio.getAttribute("src") !== (music?.url ?? null)) {
      this.#seconds = music?.durationSeconds ?? 0;
      setText(this.wrong, "");
      this.#playback.load(music?.url ?? null);
      for (const path of this.wave.querySelectorAll("path")) path.setAttribute("d", waveform(music?.peaks));
    }
    if (music) this.#playback.describe({ title, artist, cover });
    this.#update();
  }

  #listen() {
    const { audio } = this;
    this.button.addEventListener("click", () => this.#playback.toggle());
    this.loop.addEventListener("click", () => {
      audio.loop = !audio.loop;
      setPressed(this.loop, audio.loop);
    });
    this.mute.addEventListener("click", () => (audio.muted = !audio.muted));
    this.volume.addEventListener("input", () => {
      audio.volume = Number(this.volume.value);
      audio.muted = audio.volume === 0;
    });
    audio.addEventListener("volumechange", () => this.#update());
    for (const name of ["play", "pause", "ended", "timeupdate", "seeked", "loadedmetadata"]) {
      audio.addEventListener(name, () => this.#update());
    }
    audio.addEventListener("error", () => {
      if (audio.getAttribute("src")) setText(this.wrong, text(this.#language, "player.wrong"));
    });
    this.#listenToWave();
  }

  #listenToWave() {
    const { wave } = this;
    const seekTo = ({ clientX }) => {
      const { left, width } = wave.getBoundingClientRect();
      this.#playback.seek(((clientX - left) / width) * this.#end);
    };
    wave.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      wave.setPointerCapture(event.pointerId);
      seekTo(event);
    });
    wave.addEventListener("pointermove", (event) => {
      if (wave.hasPointerCapture(event.pointerId)) seekTo(event);
    });
    wave.addEventListener("keydown", (event) => {
      const page = this.#end * PAGE_SHARE;
      const steps = {
        ArrowRight: STEP_SECONDS,
        ArrowUp: STEP_SECONDS,
        ArrowLeft: -STEP_SECONDS,
        ArrowDown: -STEP_SECONDS,
        PageUp: page,
        PageDown: -page,
        Home: -Infinity,
        End: Infinity,
      };
      if (event.key in steps) this.#playback.skip(steps[event.key]);
      else if (event.key === " " || event.key === "Enter") this.#playback.toggle();
      else return;
      event.preventDefault();
    });
  }

  get #end() {
    return Number.isFinite(this.audio.duration) ? this.audio.duration : this.#seconds;
  }

  #update() {
    const { audio, wave } = this;
    const now = audio.currentTime;
    const end = this.#end;
    this.toggleAttribute("data-playing", !audio.paused);
    this.toggleAttribute("data-mute", audio.muted);
    setPressed(this.mute, audio.muted);
    const verb = audio.paused ? "player.play" : "player.pause";
    this.button.setAttribute("aria-label", text(this.#language, verb, { title: this.#title }));
    wave.setAttribute("aria-label", text(this.#language, "player.seek"));
    wave.setAttribute("aria-valuemax", String(Math.round(end)));
    wave.setAttribute("aria-valuenow", String(Math.round(Math.min(now, end))));
    const [at, of] = [span(this.#language, now * 1000), span(this.#language, end * 1000)];
    wave.setAttribute("aria-valuetext", text(this.#language, "player.place", { at, of }));
    setText(this.time, clock(now));
    setText(this.length, clock(end));
    this.#paint();
  }

  /** Update the played part at every frame while it plays. */
  #paint() {
    cancelAnimationFrame(this.#ticking);
    const end = this.#end;
    const played = end > 0 ? Math.min(1, this.audio.currentTime / end) : 0;
    this.wave.style.setProperty("--played", `${(played * 100).toFixed(2)}%`);
    if (!this.audio.paused) this.#ticking = requestAnimationFrame(() => this.#paint());
  }
}
