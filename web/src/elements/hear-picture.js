// "Hear the picture": the browser's voice reads the picture's alt text, then the music plays. Loaded when there is music.
import { voiceFor } from "../voices.js";

// Some voices neither end nor fail, so this looks whether they still speak.
const LOOKS_EVERY_MILLISECONDS = 1_000;
const STARTS_WITHIN_MILLISECONDS = 5_000;

/** A button on the cover. It stays hidden if the browser has no voice. */
class HearPicture extends HTMLElement {
  #utterance = null;
  #looking = null;

  connectedCallback() {
    this.stage = this.closest("[data-state]");
    this.cover = this.parentElement.querySelector("img");
    this.player = this.stage.querySelector("music-player");
    this.button = this.querySelector("button");
    this.words = this.querySelector("p");
    this.button.addEventListener("click", () => (this.#utterance ? this.#stop() : this.#speak()));
    // A person who plays the music, or goes on to another picture, does not want to hear this one any more.
    this.player.addEventListener("play", ({ target }) => target.paused || this.#stop(), true);
    const isOther = ({ attributeName, oldValue }) => this.cover.getAttribute(attributeName) !== oldValue;
    // Whenever the stage renders, it sets the same words again.
    const observer = new MutationObserver((changes) => changes.some(isOther) && this.#stop());
    observer.observe(this.cover, { attributeFilter: ["alt", "src"], attributeOldValue: true });
    addEventListener("pagehide", () => this.#stop());
    const voices = globalThis.speechSynthesis;
    // Browsers load their voices after they are first asked for them.
    voices?.addEventListener?.("voiceschanged", () => this.#offer());
    this.#offer();
  }

  #offer() {
    this.hidden = !globalThis.speechSynthesis?.getVoices().length;
  }

  #speak() {
    const { audio } = this.player;
    // Safari plays later only what a press has started.
    if (audio.paused) audio.play().catch(() => {});
    audio.pause();
    audio.currentTime = 0;
    const language = this.stage.querySelector("[data-part=title]").lang || document.documentElement.lang;
    const utterance = new SpeechSynthesisUtterance(this.cover.alt);
    const voice = voiceFor(speechSynthesis.getVoices(), language);
    Object.assign(utterance, { lang: voice?.lang ?? language, voice });
    this.#utterance = utterance;
    this.button.setAttribute("aria-pressed", "true");
    Object.assign(this.words, { textContent: this.cover.alt, lang: language, hidden: false });
    const goOn = () => {
      if (this.#utterance !== utterance) return;
      this.#rest();
      audio.play().catch(() => {});
    };
    let isBegun = false;
    utterance.addEventListener("start", () => (isBegun = true));
    utterance.addEventListener("end", goOn);
    utterance.addEventListener("error", goOn);
    speechSynthesis.cancel();
    speechSynthesis.speak(utterance);
    const since = Date.now();
    this.#looking = setInterval(() => {
      const isBusy = speechSynthesis.speaking || speechSynthesis.pending;
      if (!isBusy || (!isBegun && Date.now() - since > STARTS_WITHIN_MILLISECONDS)) goOn();
    }, LOOKS_EVERY_MILLISECONDS);
  }

  #stop() {
    if (!this.#utterance) return;
    this.#rest();
    speechSynthesis.cancel();
  }

  #rest() {
    this.#utterance = null;
    clearInterval(this.#looking);
    this.button.setAttribute("aria-pressed", "false");
    this.words.hidden = true;
  }
}

customElements.define("hear-picture", HearPicture);
