// Progress in words: what is happening, how long it usually takes, and what is done.
import { now } from "../clock.js";
import { inStep, outlook, seconds, stepOf, STEPS, usualFor, usualWith } from "../estimates.js";
import { roughly, span } from "../format.js";
import { ConnectedElement, made, setText, setWaiting } from "./connected.js";

const TICK_MILLISECONDS = 1000;

export class StageSteps extends ConnectedElement {
  static shows = ["language", "tracks", "usualSeconds", "busy", "live", "online", "view"];
  #item = null;
  #clock = null;

  start() {
    this.part("steps").replaceChildren(
      ...STEPS.map(({ name }) => {
        const row = made("li", "", { "data-step": name });
        row.append(made("span", "", { class: "mark", "aria-hidden": "true" }), made("span"), made("span", "", { class: "took" }));
        return row;
      }),
    );
    this.press("cancel", () => {
      const { key, upload, track } = this.#item;
      const sending = upload && !upload.problem && upload.fraction !== 1;
      if (sending || !track) this.commands.cancelUpload(key);
      else this.commands.cancel(track.track);
    });
  }

  /** Show an unfinished item; null hides the steps. */
  show(item) {
    this.#item = item;
    this.hidden = item === null;
    clearInterval(this.#clock);
    if (item === null) return;
    this.#clock = setInterval(() => this.#tick(), TICK_MILLISECONDS);
    this.#update();
  }

  render() {
    if (this.#item) this.#update();
  }

  #update() {
    const { upload, track } = this.#item;
    const { tracks, usualSeconds, engines, busy, view } = this.store.state;
    const { language } = this.store.state;
    const request = track?.request ?? upload?.wishes;
    this.usual = usualFor(tracks, usualWith(usualSeconds ?? {}, engines, request?.engine), request);
    const current = stepOf(track?.status ?? "awaiting_upload");
    // A parked track waits for the operator; its error says so.
    setText(this.part("saying"), track?.error?.message ?? this.#saying(upload, track));
    STEPS.forEach(({ name }, place) => {
      const row = this.part("steps").children[place];
      const [mark, words, took] = row.children;
      row.dataset.state = place < current ? "done" : place === current ? "now" : "later";
      if (place === current) row.setAttribute("aria-current", "step");
      else row.removeAttribute("aria-current");
      mark.textContent = place < current ? "✓" : "";
      setText(words, this.text(`steps.${name}`));
      const past = track && place < current ? seconds(track, place) : null;
      const usually = this.text("steps.usually", { time: roughly(language, this.usual[name].seconds) });
      setText(took, place < current ? (past === null ? "" : span(language, past * 1000)) : usually);
    });
    const cancelling = track && busy[track.track] === "cancel";
    this.part("cancel").hidden = view !== "mine";
    setWaiting(this.part("cancel"), cancelling);
    setText(this.part("cancel"), this.text(cancelling ? "steps.cancelling" : "steps.cancel"));
    this.#tick();
  }

  #saying(upload, track) {
    if (track && track.status !== "awaiting_upload") return this.text(`status.${track.status}`);
    if (!upload) return this.text("status.awaiting_upload");
    if (upload.waits) return this.text("upload.waiting");
    if (upload.fraction === null) return this.text("upload.preparing");
    if (upload.fraction === 1) return this.text("upload.sent");
    return this.text("upload.sending");
  }

  #tick() {
    const { upload, track } = this.#item;
    const { language } = this.store.state;
    const { fraction, left, late } = outlook(this.#item, this.usual, now());
    this.part("progress").value = fraction;
    this.part("progress").setAttribute("aria-label", this.text("steps.progress"));
    const remains = this.text(late ? "steps.late" : "steps.left", { time: roughly(language, left) });
    setText(this.part("left"), upload?.waits ? "" : remains);
    const took = this.part("steps").querySelector("[data-state=now] .took");
    if (!took) return;
    const step = STEPS[stepOf(track?.status ?? "awaiting_upload")].name;
    const usually = this.text("steps.usually", { time: roughly(language, this.usual[step].seconds) });
    const percent = Math.round((upload?.fraction ?? 0) * 100);
    if (step === "upload") setText(took, upload?.waits ? "" : upload && percent < 100 ? `${percent}%` : usually);
    else setText(took, this.text("steps.since", { time: span(language, inStep(track, now()) * 1000), usually }));
  }
}
