// Chooses pictures: file dialog, camera, drag and drop anywhere on the page, or paste.
import { now } from "../clock.js";
import { outlookBefore, usualWith } from "../estimates.js";
import { moment, roughly, span, word } from "../format.js";
import { whenGiven } from "../gifts.js";
import { GENRES, SECONDS, SECONDS_BY_DEFAULT } from "../wishes.js";
import { chip, ConnectedElement, setText } from "./connected.js";

export class PicturePicker extends ConnectedElement {
  static shows = ["language", "view", "closedUntil", "tracks", "usualSeconds", "sketched", "engines"];
  #opening = null;

  start() {
    this.form = this.querySelector("form");
    // The wishes are open on a wide screen; on a phone they would push the rest away.
    this.part("wishes").open = matchMedia("(min-width: 62rem)").matches;
    this.#fill("styles", "style", ["", ...GENRES], "");
    this.#fill("lengths", "durationSeconds", SECONDS.map(String), String(SECONDS_BY_DEFAULT));
    for (const name of ["choose", "camera"]) {
      const input = this.part(name);
      input.addEventListener("change", () => {
        this.#add({ files: [...input.files], folders: [] });
        // Without this, choosing the same picture again would fire no change event.
        input.value = "";
      });
    }
    this.form.addEventListener("change", () => this.#foretell());
    this.form.addEventListener("submit", (event) => event.preventDefault());
    whenGiven(
      async (gift) => this.#add(await gift),
      (over) => this.classList.toggle("over", over),
    );
  }

  render({ view, language, closedUntil, engines }, before) {
    this.hidden = view !== "mine";
    if (engines.length > 1) this.demand("engine-choice", { within: this, wanted: false });
    this.#close(closedUntil);
    this.#foretell();
    if (before?.language === language) return;
    for (const input of this.form.querySelectorAll("input[type=radio]")) {
      setText(input.nextElementSibling, this.#words(input));
    }
  }

  /** Open the file dialog. */
  open() {
    this.part("choose").click();
  }

  /** Say until when the day's limit lasts, and open again then. */
  #close(until) {
    const closed = until !== null && until > now();
    this.toggleAttribute("data-closed", closed);
    for (const name of ["choose", "camera"]) this.part(name).disabled = closed;
    this.part("closed").hidden = !closed;
    setText(this.part("closed"), closed ? this.text("picker.closed", { time: this.#opens() }) : "");
    clearTimeout(this.#opening);
    if (closed) this.#opening = setTimeout(() => this.commands.reopen(), until - now() + 1000);
  }

  /** Say how long it usually takes, before a picture is chosen. Until the configuration is read, keep only the place. */
  #foretell() {
    const { language, tracks, usualSeconds, sketched, engines } = this.store.state;
    const length = Number(this.form.elements.durationSeconds?.value ?? SECONDS_BY_DEFAULT);
    const engine = this.querySelector("engine-choice").value;
    const configured = usualWith(usualSeconds ?? {}, engines, engine);
    const { sketch, music } = outlookBefore(tracks, configured, { durationSeconds: length, engine }, sketched);
    this.part("usual").style.visibility = usualSeconds ? "" : "hidden";
    const times = { sketch: sketch && roughly(language, sketch), music: roughly(language, music) };
    setText(this.part("usual"), this.text(sketch && sketch < music ? "picker.usual" : "picker.usualMusic", times));
  }

  /** Fill a part with chips, one of them chosen. */
  #fill(part, name, values, chosen) {
    this.part(part).replaceChildren(...values.map((value) => chip("radio", name, value, value === chosen)));
  }

  #words({ name, value }) {
    if (name === "durationSeconds") return span(this.store.state.language, Number(value) * 1000);
    return value ? word(this.store.state.language, "genres", value) : this.text("picker.anyStyle");
  }

  #add({ files, folders }) {
    const refusal = this.#refusal([...files, ...folders]);
    if (refusal) {
      this.commands.notify(...refusal);
      return;
    }
    const { hint, style, durationSeconds, takes } = this.form.elements;
    this.commands.addPictures(
      { files, folders },
      {
        hint: hint.value.trim(),
        style: style.value,
        durationSeconds: Number(durationSeconds.value),
        engine: this.querySelector("engine-choice").value,
        takes: takes.checked ? 2 : undefined,
      },
    );
  }

  /** Return the text, and its places, that says why nothing is taken; null if it is. */
  #refusal(given) {
    if (this.hidden) return ["picker.elsewhere"];
    if (this.hasAttribute("data-closed")) return ["picker.closed", { time: this.#opens() }];
    return given.length === 0 ? ["picker.link"] : null;
  }

  #opens() {
    const { language, closedUntil } = this.store.state;
    return moment(language, closedUntil);
  }
}
