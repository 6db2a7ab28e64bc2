// The dialogs: another version, sharing, and confirmation. They are loaded when the first one is opened.
import { formOf, partName, sectionName } from "../form.js";
import { clock, musicalKey, span, word } from "../format.js";
import { vocabulary } from "../texts.js";
import { resultsToken } from "../tracks.js";
import { changes, GENRES, KEYS, MAX_CHOSEN, offered, room, SECONDS } from "../wishes.js";
import { chip, ConnectedElement, isWaiting, made, setText, setWaiting } from "./connected.js";

// How often in a row the composer varies music and keeps the rest.
const MAX_KEPT = 8;

class DialogElement extends ConnectedElement {
  static shows = ["language"];

  start() {
    this.dialog = this.querySelector("dialog");
    // A click on the backdrop is a click on the dialog itself, not on what it holds.
    this.dialog.addEventListener("click", ({ target }) => {
      if (target === this.dialog) this.dialog.close();
    });
  }
}

/** Asks before it acts. The texts under `name` are heading, words and the two buttons. */
class ConfirmDialog extends DialogElement {
  #act = null;

  start() {
    super.start();
    this.press("cancel", () => this.dialog.close());
    this.press("confirm", () => {
      this.dialog.close();
      this.#act();
    });
  }

  ask(name, places, act) {
    this.#act = act;
    for (const part of ["heading", "words", "cancel", "confirm"]) {
      setText(this.part(part), this.text(`${name}.${part}`, places));
    }
    this.dialog.showModal();
  }
}

/** Makes another version of a picture's music, with an edited brief. */
class AgainDialog extends DialogElement {
  #track = null;
  #sent = { edit: null, key: null };

  start() {
    super.start();
    this.form = this.querySelector("form");
    this.engine = this.querySelector("engine-choice");
    this.engine.connect(this.store, this.commands);
    this.press("cancel", () => this.dialog.close());
    this.form.elements.tempoBpm.addEventListener("input", () => this.#showTempo());
    this.form.addEventListener("change", ({ target }) => {
      if (target.name in MAX_CHOSEN) this.#bound(target.name);
      this.#fit();
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!isWaiting(this.part("confirm"))) this.#send();
    });
  }

  render({ language }) {
    const { genre, key, durationSeconds } = this.form.elements;
    fill(genre, GENRES, (value) => word(language, "genres", value));
    fill(key, KEYS, (value) => musicalKey(language, value));
    fill(durationSeconds, SECONDS, (value) => span(language, value * 1000));
    this.#showTempo();
  }

  open(track) {
    this.#track = track;
    this.#sent = { edit: null, key: null };
    const { elements } = this.form;
    const { durationSeconds } = track.request;
    // The track may have a length that the page does not offer; offer it as well.
    const lengths = SECONDS.includes(durationSeconds) ? SECONDS : [durationSeconds, ...SECONDS];
    fill(elements.durationSeconds, lengths, (value) => span(this.store.state.language, value * 1000));
    for (const [name, value] of Object.entries(before(track))) {
      if (name in MAX_CHOSEN) this.#offer(name, value);
      else elements[name].value = value;
    }
    elements.sameSeed.checked = false;
    this.engine.value = track.request.engine;
    setText(this.part("wrong"), "");
    this.#showTempo();
    this.#offerToKeep(track);
    this.dialog.showModal();
  }

  /** Offer to change only one part or section of music whose form is known. */
  async #offerToKeep(track) {
    const { keep } = this.form.elements;
    keep.replaceChildren(new Option(this.text("again.keepNothing"), ""));
    this.#fit();
    if (track.music?.engine !== "composer" || track.request.keep?.length >= MAX_KEPT) return;
    const form = await formOf(track).catch(() => null);
    if (form === null || this.#track !== track) return;
    const { language } = this.store.state;
    const group = (label, options) => {
      const element = made("optgroup", "", { label: this.text(label) });
      element.append(...options);
      return element;
    };
    keep.append(
      group("again.keepParts", form.parts.map((part) => new Option(partName(language, part), part.name))),
      group(
        "again.keepSections",
        form.sections.map(({ name, startSeconds, endSeconds }, place) => {
          const times = `${clock(startSeconds)}–${clock(endSeconds)}`;
          return new Option(`${place + 1}. ${sectionName(language, name)} (${times})`, `section ${place + 1}`);
        }),
      ),
    );
    this.#fit();
  }

  /** Only the composer can keep notes, and what is kept has its own seeds. */
  #fit() {
    const { keep, sameSeed } = this.form.elements;
    const { engines } = this.store.state;
    const composes = (this.engine.chosen ?? this.#track.request.engine ?? engines[0]?.name ?? "composer") === "composer";
    this.part("keep").hidden = !composes || keep.options.length < 2;
    // Everything else in the brief changes all of the music.
    this.part("free").disabled = this.#kept() !== "";
    sameSeed.disabled = this.#track.music?.seed === undefined;
  }

  /** Return the part or section that alone is to be changed; empty if the music is made as a whole. */
  #kept() {
    return this.part("keep").hidden ? "" : this.form.elements.keep.value;
  }

  #showTempo() {
    setText(this.part("tempo"), this.text("brief.bpm", { bpm: this.form.elements.tempoBpm.value }));
  }

  /** Offer words as chips. The dialog is modal, so the language cannot change while they are shown. */
  #offer(name, chosen) {
    const chips = offered(chosen, vocabulary(name)).map((value) => {
      const label = chip("checkbox", name, value, chosen.includes(value));
      label.lastChild.textContent = word(this.store.state.language, name, value);
      return label;
    });
    this.part(name).replaceChildren(...chips);
    this.part(name).closest("details").open = false;
    this.#bound(name);
  }

  /** Show what is chosen, and disable the chips that would make too many or none. */
  #bound(name) {
    const chosen = this.#chosen(name);
    const most = MAX_CHOSEN[name];
    const { says, closed } = room(chosen.length, most);
    for (const input of this.part(name).querySelectorAll("input")) {
      input.disabled = closed === (input.checked ? "chosen" : "others");
    }
    const words = chosen.map((input) => input.nextSibling.textContent).join(", ");
    setText(this.part(`${name}-chosen`), this.text(says, { words, most }));
  }

  #chosen(name) {
    return [...this.part(name).querySelectorAll(":checked")];
  }

  async #send() {
    const { elements } = this.form;
    const after = {
      title: elements.title.value.trim(),
      prompt: elements.prompt.value.trim(),
      genre: elements.genre.value,
      key: elements.key.value,
      tempoBpm: Number(elements.tempoBpm.value),
      energy: Number(elements.energy.value),
      valence: Number(elements.valence.value),
      durationSeconds: Number(elements.durationSeconds.value),
    };
    for (const name of Object.keys(MAX_CHOSEN)) after[name] = this.#chosen(name).map(({ value }) => value);
    // A slider rounds to its steps, so compare rounded values: a slider that was not moved has not changed.
    const was = before(this.#track);
    for (const name of ["energy", "valence", "tempoBpm"]) {
      const probe = Object.assign(elements[name].cloneNode(), { value: was[name] });
      if (probe.value === elements[name].value) after[name] = was[name];
    }
    const seed = elements.sameSeed.checked ? { seed: this.#track.music.seed } : {};
    const { chosen } = this.engine;
    const other = chosen === (this.#track.request.engine ?? this.store.state.engines[0]?.name) ? {} : { engine: chosen };
    const edit = this.#kept()
      ? { ...changes({ title: was.title }, { title: after.title }), keep: { except: this.#kept() } }
      : { ...changes(was, after), ...seed, ...other };
    // The answer may have been lost, so the same edit is the same request.
    if (JSON.stringify(edit) !== JSON.stringify(this.#sent.edit)) this.#sent = { edit, key: crypto.randomUUID() };
    setWaiting(this.part("confirm"), true);
    setText(this.part("confirm"), this.text("again.sending"));
    const problem = await this.commands.again(this.#track.track, this.#sent.key, edit);
    setWaiting(this.part("confirm"), false);
    setText(this.part("confirm"), this.text("again.confirm"));
    setText(this.part("wrong"), problem ?? "");
    if (problem === null) this.dialog.close();
  }
}

/** Shows the link to one track, as text and as a QR code. */
class ShareDialog extends DialogElement {
  #title = "";
  #token = "";

  start() {
    super.start();
    this.press("close", () => this.dialog.close());
    this.press("copy", () => this.#copy());
    this.press("send", () => navigator.share({ title: this.#title, url: this.part("link").value }).catch(() => {}));
    this.part("link").addEventListener("focus", ({ target }) => target.select());
    this.part("send").hidden = !navigator.share;
    this.part("allow").addEventListener("change", () => this.#show());
  }

  open(track) {
    [this.#title, this.#token] = [track.brief?.title ?? "", resultsToken(track)];
    this.part("allow").checked = false;
    this.part("code").replaceChildren();
    this.dialog.showModal();
    return this.#show();
  }

  async #show() {
    const link = new URL(`share.html#${this.#token}${this.part("allow").checked ? ".d" : ""}`, document.baseURI).href;
    this.part("link").value = link;
    setText(this.part("done"), "");
    const { qrCode } = await import("../qr.js");
    const code = qrCode(link);
    code.setAttribute("role", "img");
    code.setAttribute("aria-label", this.text("share.code"));
    this.part("code").replaceChildren(code);
  }

  async #copy() {
    const link = this.part("link");
    try {
      await navigator.clipboard.writeText(link.value);
      setText(this.part("done"), this.text("share.copied"));
    } catch {
      link.focus();
      setText(this.part("done"), this.text("share.copyYourself"));
    }
  }
}

/** Return the form's initial values, from brief and request. */
function before({ brief, request }) {
  const { title, prompt, moods, genre, instruments, key, tempoBpm, energy, valence } = brief;
  const { durationSeconds } = request;
  return { title, prompt, moods, genre, instruments, key, tempoBpm, energy, valence, durationSeconds };
}

/** Set the options of a select, keeping its value. */
function fill(select, values, words) {
  const kept = select.value;
  const options = values.map((value) => new Option(words(value), value, false, String(value) === kept));
  select.replaceChildren(...options);
}

customElements.define("again-dialog", AgainDialog);
customElements.define("share-dialog", ShareDialog);
customElements.define("confirm-dialog", ConfirmDialog);
