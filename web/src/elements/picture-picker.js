// Choosing pictures: by the file dialog, by dropping them anywhere on the page, by pasting them.
import { GENRES, SECONDS, SECONDS_BY_DEFAULT } from "../wishes.js";
import { ConnectedElement } from "./connected.js";

export class PicturePicker extends ConnectedElement {
  #language = null;

  start() {
    this.form = this.querySelector("form");
    const input = this.querySelector("input[type=file]");
    input.addEventListener("change", () => {
      this.#add([...input.files]);
      // The same picture may be chosen again, and that is a change too.
      input.value = "";
    });
    this.form.addEventListener("submit", (event) => event.preventDefault());
    document.addEventListener("paste", (event) => this.#add([...event.clipboardData.files]));
    document.addEventListener("dragover", (event) => {
      // Without this the browser would leave the page for a picture that misses the zone.
      event.preventDefault();
      this.classList.add("over");
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) this.classList.remove("over");
    });
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      this.classList.remove("over");
      this.#add([...event.dataTransfer.files]);
    });
  }

  render({ view, language }) {
    this.hidden = view !== "mine";
    if (language === this.#language) return;
    this.#language = language;
    const { style, durationSeconds } = this.form.elements;
    this.#fill(style, [
      ["", this.text("picker.anyStyle")],
      ...GENRES.map((genre) => [genre, this.text(`genres.${genre}`, {}, genre)]),
    ]);
    const lengths = SECONDS.map((seconds) => [String(seconds), this.text("picker.seconds", { seconds })]);
    this.#fill(durationSeconds, lengths, String(SECONDS_BY_DEFAULT));
  }

  /** Give a select its options in the present language, keeping what was chosen. */
  #fill(select, options, chosen = "") {
    const kept = select.value || chosen;
    select.replaceChildren(...options.map(([value, words]) => new Option(words, value, false, value === kept)));
  }

  #add(files) {
    if (files.length === 0 || this.hidden) return;
    const { hint, style, durationSeconds } = this.form.elements;
    this.commands.addPictures(files, {
      hint: hint.value.trim(),
      style: style.value,
      durationSeconds: Number(durationSeconds.value),
    });
  }
}
