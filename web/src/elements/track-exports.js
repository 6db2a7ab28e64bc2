// Downloads of composed music that are made on request: its stems and its loop.
import { download } from "../download.js";
import { usualFor, usualWith } from "../estimates.js";
import { fileName, roughly } from "../format.js";
import { exportOf, loopName } from "../exports.js";
import { isFinal, takeTitle } from "../tracks.js";
import { ConnectedElement, isWaiting, made, setText, setWaiting } from "./connected.js";

const KINDS = ["stems", "loop"];

class TrackExports extends ConnectedElement {
  static shows = ["language", "exports", "busy", "view"];
  #track = null;
  // A press whose answer was lost is repeated with the same key. Both, and refusals, belong to one track and kind.
  #keys = new Map();
  #refusals = new Map();
  // What is saved as soon as it is made, by the export's id, because a person has asked for it on this page.
  #wanted = new Map();
  #saved = new Set();

  start() {
    this.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-kind]");
      if (button && !isWaiting(button)) this.#press(button.dataset.kind);
    });
    this.rows = Object.fromEntries(
      KINDS.map((kind) => {
        const row = made("div");
        const [words, about, wrong] = [made("span"), made("strong"), made("span", "", { class: "wrong" })];
        const act = made("button", "", { type: "button", class: "link" });
        words.setAttribute("role", "status");
        wrong.setAttribute("role", "alert");
        act.addEventListener("click", () => isWaiting(act) || this.#act(kind));
        // Either the words are empty, or the problem. If both are, the row has no height.
        row.append(words, about, wrong, " ", act);
        this.part("states").append(row);
        return [kind, { row, words, about, wrong, act }];
      }),
    );
  }

  /** Show what can be made of a track, and what is made or being made. */
  show(track) {
    if (track.track !== this.#track?.track) {
      for (const { row, words } of Object.values(this.rows)) {
        setText(words, "");
        // What happened to another track's export is no news of this one.
        row.dataset.status = "";
      }
    }
    this.#track = track;
    this.render(this.store.state);
  }

  render({ exports, language }) {
    if (!this.#track) return;
    this.#saveWanted(exports);
    for (const kind of KINDS) this.#show(kind, exportOf(exports, this.#track.track, kind), language);
  }

  /** Save what was asked for and is made now, also if another track is on the stage. */
  #saveWanted(exports) {
    for (const made of exports) {
      const want = this.#wanted.get(made.track);
      if (!want || made.status !== "ready") continue;
      this.#wanted.delete(made.track);
      this.#saved.add(made.track);
      this.#save(want.kind, made, want.brief);
    }
  }

  #show(kind, made, language) {
    const name = this.text(`exports.${kind}`);
    const { row, words, about, wrong, act } = this.rows[kind];
    const { status } = made ?? {};
    const [ready, making] = [status === "ready", made && !isFinal(status)];
    const refusal = this.#refusals.get(this.#name(kind));
    const asking = this.store.state.busy[this.#track.track] === kind;
    const button = this.querySelector(`[data-kind=${kind}]`);
    setText(button, ready ? this.#saving(kind, made) : name);
    const failed = status === "failed" || status === "rejected";
    // What cannot succeed is not asked for again.
    button.disabled = Boolean(failed && !made.error?.retryable);
    setWaiting(button, making || asking);
    setText(wrong, making || ready ? "" : (refusal ?? (failed ? made.error?.message : "") ?? ""));
    setText(about, wrong.textContent && `${name}: `);
    wrong.lang = !refusal && failed ? (made.request.language ?? "") : "";
    const key = this.#newsOf(made, row);
    setText(words, key && !refusal ? this.text(`exports.${key}`, { name, time: this.#usual(language) }) : "");
    // Its button says so, too, so the news is for screen readers.
    row.classList.toggle("unseen", key === "ready");
    row.dataset.status = key;
    const verb = making ? "cancel" : failed && made.error?.retryable ? "retry" : null;
    act.hidden = verb === null;
    act.value = verb ?? "";
    setText(act, verb ? this.text(`exports.${verb}`) : "");
    setWaiting(act, made && this.store.state.busy[made.track]);
  }

  /** Return the name of the words about an export. That it is made is news only to those who saw it being made. */
  #newsOf(made, { dataset }) {
    if (!made) return "";
    const { status, track } = made;
    if (!isFinal(status)) return this.#wanted.has(track) ? "waitToSave" : "wait";
    if (status === "cancelled") return "cancelled";
    if (status !== "ready") return "";
    if (this.#saved.has(track)) return "saved";
    return dataset.status ? "ready" : "";
  }

  #saving(kind, { music }) {
    const size = music.bytes < 10e6 ? (music.bytes / 1e6).toFixed(1) : String(Math.round(music.bytes / 1e6));
    const file = this.text("exports.size", { kind: kind === "stems" ? "ZIP" : "WAV", size });
    return `${this.text("exports.save", { name: this.text(`exports.${kind}`) })} (${file})`;
  }

  #usual(language) {
    const { tracks, usualSeconds, engines } = this.store.state;
    const usual = usualFor(tracks, usualWith(usualSeconds ?? {}, engines, "composer"), this.#track.request);
    return roughly(language, usual.preparing.seconds + usual.composing.seconds);
  }

  #name(kind) {
    return `${this.#track.track} ${kind}`;
  }

  async #press(kind) {
    const track = this.#track;
    const made = exportOf(this.store.state.exports, track.track, kind);
    if (made?.status === "ready") {
      await this.#save(kind, made, track);
      return;
    }
    const places = { time: this.#usual(this.store.state.language) };
    const question = kind === "stems" ? "askStems" : "askLoop";
    (await this.demand("confirm-dialog"))?.ask(question, places, () => this.#ask(kind, track.track));
  }

  async #ask(kind, track) {
    const name = `${track} ${kind}`;
    if (!this.#keys.has(name)) this.#keys.set(name, crypto.randomUUID());
    this.#refusals.delete(name);
    const { brief } = this.#track;
    const { track: made, problem } = await this.commands.export(track, kind, this.#keys.get(name));
    if (problem) {
      this.#refusals.set(name, problem);
    } else {
      this.#keys.delete(name);
      this.#wanted.set(made, { kind, brief });
    }
    this.render(this.store.state);
  }

  /** Cancel an export that is being made, or retry one that has failed. */
  #act(kind) {
    const made = exportOf(this.store.state.exports, this.#track.track, kind);
    const { value } = this.rows[kind].act;
    if (value === "retry") this.#wanted.set(made.track, { kind, brief: this.#track.brief });
    if (value) this.commands[value](made.track);
  }

  async #save(kind, { music }, track) {
    const { brief } = track;
    const title = takeTitle(brief?.title ?? this.text("stage.untitled"), track, this.store.state.tracks);
    try {
      if (kind === "stems") await open(music.url);
      else await download(music.url, fileName(await loopName(music, title, brief), "wav"), this.querySelector(`[data-kind=${kind}]`));
    } catch {
      this.commands.notify("actions.gone");
    }
  }
}

/** Let the browser download a file that may be too large for memory; the bucket sends its name. Throws if it is gone. */
async function open(url) {
  const abort = new AbortController();
  const { ok, status } = await fetch(url, { signal: abort.signal, cache: "no-store" });
  abort.abort();
  if (!ok) throw new Error(`${status}`);
  made("a", "", { href: url }).click();
}

customElements.define("track-exports", TrackExports);
