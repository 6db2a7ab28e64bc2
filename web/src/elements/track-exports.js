// Downloads of composed music that are made on request: its stems and its loop.
import { download } from "../download.js";
import { usualFor, usualWith } from "../estimates.js";
import { fileName, roughly } from "../format.js";
import { exportOf, loopName } from "../exports.js";
import { isFinal, takeTitle } from "../tracks.js";
import { ConnectedElement, made, setText } from "./connected.js";

const KINDS = ["stems", "loop"];

class TrackExports extends ConnectedElement {
  static shows = ["language", "exports", "busy", "view"];
  #track = null;
  // A press whose answer was lost is repeated with the same key. Both, and refusals, belong to one track and kind.
  #keys = new Map();
  #refusals = new Map();

  start() {
    this.addEventListener("click", ({ target }) => {
      const { kind } = target.closest("button")?.dataset ?? {};
      if (kind) this.#press(kind);
    });
    this.rows = Object.fromEntries(
      KINDS.map((kind) => {
        const row = made("div");
        const [words, wrong, act] = [made("span"), made("span", "", { class: "wrong" }), made("button", "", { type: "button", class: "link" })];
        words.setAttribute("role", "status");
        wrong.setAttribute("role", "alert");
        act.addEventListener("click", () => this.#act(kind));
        row.append(words, wrong, act);
        this.part("states").append(row);
        return [kind, { row, words, wrong, act }];
      }),
    );
  }

  /** Show what can be made of a track, and what is made or being made. */
  show(track) {
    if (track.track !== this.#track?.track) for (const { words } of Object.values(this.rows)) setText(words, "");
    this.#track = track;
    this.render(this.store.state);
  }

  render({ exports, language }) {
    if (!this.#track) return;
    for (const kind of KINDS) this.#show(kind, exportOf(exports, this.#track.track, kind), language);
  }

  #show(kind, made, language) {
    const name = this.text(`exports.${kind}`);
    const { row, words, wrong, act } = this.rows[kind];
    const { status } = made ?? {};
    const [ready, making] = [status === "ready", made && !isFinal(status)];
    const refusal = this.#refusals.get(this.#name(kind));
    const asking = this.store.state.busy[this.#track.track] === kind;
    const button = this.querySelector(`[data-kind=${kind}]`);
    setText(button, ready ? this.#saving(kind, made) : making || asking ? this.text("exports.making", { name }) : name);
    const failed = status === "failed" || status === "rejected";
    // What cannot succeed is not asked for again.
    button.disabled = Boolean(making || asking || (failed && !made.error?.retryable));
    setText(wrong, making || ready ? "" : (refusal ?? (failed ? made.error?.message : "") ?? ""));
    wrong.lang = !refusal && failed ? (made.request.language ?? "") : "";
    const isNews = ready && row.dataset.status === "wait";
    const key = making ? "wait" : isNews || (ready && words.textContent) ? "ready" : status === "cancelled" ? "cancelled" : "";
    setText(words, key && !refusal ? this.text(`exports.${key}`, { name, time: this.#usual(language) }) : "");
    // Its button says so, too, so the news is for screen readers.
    row.classList.toggle("unseen", key === "ready");
    row.dataset.status = key;
    const verb = making ? "cancel" : failed && made.error?.retryable ? "retry" : null;
    act.hidden = verb === null;
    act.value = verb ?? "";
    setText(act, verb ? this.text(`exports.${verb}`) : "");
    act.disabled = Boolean(made && this.store.state.busy[made.track]);
    row.hidden = !words.textContent && !wrong.textContent;
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
    const problem = await this.commands.export(track, kind, this.#keys.get(name));
    if (problem === null) this.#keys.delete(name);
    else this.#refusals.set(name, problem);
    this.render(this.store.state);
  }

  /** Cancel an export that is being made, or retry one that has failed. */
  #act(kind) {
    const made = exportOf(this.store.state.exports, this.#track.track, kind);
    const { value } = this.rows[kind].act;
    if (value) this.commands[value](made.track);
  }

  async #save(kind, { music }, track) {
    const { brief } = track;
    const title = takeTitle(brief?.title ?? this.text("stage.untitled"), track, this.store.state.tracks);
    try {
      if (kind === "stems") await open(music.url);
      else await download(music.url, fileName(await loopName(music, title, brief), "wav"));
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
