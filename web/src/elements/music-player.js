// The player: an audio element with a waveform that is a slider, time, loop and volume.
// It has up to two sounds: the sketch, which exists first, and the finished music.
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
  #about = { title: "" };
  #isLooping = false;
  #ticking = null;
  #sounds = { sketch: null, music: null };
  #loaded = null;
  #coming = null;

  connectedCallback() {
    const part = (name) => this.querySelector(`[data-part="${name}"]`);
    [this.wave, this.button, this.takes] = [part("wave"), part("play"), part("takes")];
    [this.time, this.length, this.wrong] = [part("time"), part("duration"), part("wrong")];
    [this.loop, this.mute, this.volume] = [part("loop"), part("mute"), part("volume")];
    for (const svg of this.wave.querySelectorAll("svg")) svg.setAttribute("viewBox", `0 0 ${BARS} 100`);
    this.#playback = new Playback(this);
    this.#listen();
  }

  get audio() {
    return this.querySelector("audio");
  }

  seek(seconds) {
    this.#playback.seek(seconds);
  }

  /** Show texts in this language. */
  speak(language) {
    this.#language = language;
    localise(this, language);
    this.#update();
  }

  /**
   * Show a track's sounds, each `{url, peaks, durationSeconds}` or null, with its title, artist and cover.
   * Without sounds it stops. When the music comes while the sketch plays, the sketch plays to its end.
   * A track that `goesOn` continues at the place of the one before.
   */
  show({ sketch = null, music = null }, about = { title: "" }, goesOn = false) {
    const isNews = music !== null && this.#sounds.music?.url !== music.url;
    this.#about = about;
    this.#sounds = { sketch, music };
    const named = (url) => Object.keys(this.#sounds).find((name) => url !== null && this.#sounds[name]?.url === url);
    const [loaded, coming] = [named(this.audio.getAttribute("src")), named(this.#coming)];
    const best = music ? "music" : sketch ? "sketch" : null;
    if (loaded && this.#coming && !coming) {
      // What was to come is another track's, and this one plays on.
      this.#load(loaded);
    } else if (!loaded && !coming) {
      const { paused, ended, currentTime } = this.audio;
      if (goesOn && best && !paused) this.#change(best);
      else this.#load(best, goesOn && !ended ? currentTime : 0);
    } else if (loaded === "sketch" && isNews && (this.audio.paused || this.audio.error)) this.#change("music", this.audio.ended ? this.#begin() : {});
    this.#update();
  }

  #load(name, seconds) {
    this.#coming = null;
    this.#playback.load(this.#sounds[name]?.url ?? null, seconds);
    this.#present(name);
  }

  /** Continue with the other sound at the same place, or at another one. */
  async #change(name, options) {
    const sound = this.#sounds[name];
    this.#coming = sound?.url ?? null;
    const changed = sound && (await this.#playback.change(sound.url, options));
    if (changed !== null) this.#coming = null;
    if (changed) this.#present(name);
    else if (changed === false) this.#complain();
    this.#update();
  }

  #complain() {
    setText(this.wrong, text(this.#language, "player.wrong"));
  }

  #present(name) {
    const sound = this.#sounds[name];
    this.#loaded = name;
    this.#seconds = sound?.durationSeconds ?? 0;
    setText(this.wrong, "");
    for (const path of this.wave.querySelectorAll("path")) path.setAttribute("d", waveform(sound?.peaks));
  }

  /** Let the music take over at the end of the sketch. Music that was heard to its end as a sketch does not begin. */
  #ended() {
    const { sketch, music } = this.#sounds;
    if (this.#loaded !== "sketch" || !music) return;
    const { seconds } = this.#begin();
    this.#change("music", { seconds, begin: seconds > 0 || this.#isLooping || !isStartOf(sketch, music) });
  }

  /** Return where the music begins after the sketch: where the sketch ends, or at the start if it is another piece. */
  #begin() {
    const { sketch, music } = this.#sounds;
    const goesOn = isStartOf(sketch, music) && music.durationSeconds > sketch.durationSeconds + 1;
    return { seconds: goesOn ? sketch.durationSeconds : 0 };
  }

  #listen() {
    this.button.addEventListener("click", () => this.#playback.toggle());
    this.loop.addEventListener("click", () => {
      this.#isLooping = !this.#isLooping;
      this.#update();
    });
    this.mute.addEventListener("click", () => (this.audio.muted = !this.audio.muted));
    this.volume.addEventListener("input", () => {
      this.audio.volume = Number(this.volume.value);
      this.audio.muted = this.audio.volume === 0;
    });
    for (const name of ["play", "pause", "ended", "timeupdate", "seeked", "loadedmetadata", "volumechange"]) {
      this.#playback.on(name, () => this.#update());
    }
    this.#playback.on("ended", () => this.#ended());
    this.#playback.on("error", () => {
      // A sketch may have expired, or its connection may break while it plays.
      if (this.#loaded === "sketch" && this.#sounds.music) this.#change("music");
      else if (this.audio.getAttribute("src")) this.#complain();
    });
    this.takes.addEventListener("click", ({ target }) => {
      if (target.value && target.value !== this.#loaded) this.#change(target.value);
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
    // A sketch repeats until there is music to take over.
    audio.loop = this.#isLooping && !(this.#loaded === "sketch" && this.#sounds.music);
    setPressed(this.loop, this.#isLooping);
    this.toggleAttribute("data-playing", !audio.paused);
    this.toggleAttribute("data-mute", audio.muted);
    setPressed(this.mute, audio.muted);
    const verb = audio.paused ? "player.play" : "player.pause";
    this.button.setAttribute("aria-label", text(this.#language, verb, { title: this.#about.title }));
    wave.setAttribute("aria-label", text(this.#language, "player.seek"));
    wave.setAttribute("aria-valuemax", String(Math.round(end)));
    wave.setAttribute("aria-valuenow", String(Math.round(Math.min(now, end))));
    const [at, of] = [span(this.#language, now * 1000), span(this.#language, end * 1000)];
    wave.setAttribute("aria-valuetext", text(this.#language, "player.place", { at, of }));
    setText(this.time, clock(now));
    setText(this.length, clock(end));
    this.#updateTakes();
    const take = this.takes.querySelector("[aria-pressed=true]");
    if (this.#loaded) this.#playback.describe({ ...this.#about, album: this.takes.hidden ? "" : take.textContent });
    this.#paint();
  }

  /** Show which sound is heard. Music that the sketch is the start of replaces it for good. */
  #updateTakes() {
    const { sketch, music } = this.#sounds;
    const isNext = music && this.#coming === music.url && this.audio.paused;
    const hidden = !sketch || ((this.#loaded === "music" || isNext) && isStartOf(sketch, music));
    // The focus of a person who uses the keyboard would get lost.
    if (hidden && this.takes.contains(document.activeElement)) this.button.focus({ preventScroll: true });
    this.takes.hidden = hidden;
    for (const button of this.takes.children) {
      button.disabled = !this.#sounds[button.value];
      setPressed(button, button.value === this.#loaded);
    }
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

/** Whether the music begins as the sketch does: the composer made both from the same seed. */
function isStartOf(sketch, music) {
  return music.engine === "composer" && music.seed === sketch.seed;
}
