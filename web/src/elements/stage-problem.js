// Says why there is no music, and what can be done about it.
import { now } from "../clock.js";
import { ConnectedElement, setText, setWaiting } from "./connected.js";

export class StageProblem extends ConnectedElement {
  static shows = ["language", "busy", "view", "closedUntil"];
  #item = null;

  start() {
    this.press("retry", async () => {
      const { key, upload, track } = this.#item;
      if (upload?.problem) this.commands.uploadAgain(key);
      else if (track.status === "cancelled") (await this.demand("again-dialog"))?.open(track);
      else this.commands.retry(track.track);
    });
    this.press("another", () => document.querySelector("picture-picker").open());
  }

  /** Show an item that has no music; null hides the problem. */
  show(item) {
    this.#item = item;
    this.hidden = item === null;
    if (item) this.render(this.store.state);
  }

  render({ view, busy, closedUntil }) {
    if (!this.#item) return;
    const { upload, track } = this.#item;
    const status = upload?.problem ? "upload.failed" : `status.${track.status}`;
    setText(this.part("status"), this.text(status));
    setText(this.part("reason"), upload?.problem ?? track.error?.message ?? "");
    this.part("reason").lang = upload?.problem ? "" : (track.request?.language ?? "");
    // Until the day's limit ends, nothing that makes music can help.
    const helps = view === "mine" && (closedUntil ?? 0) <= now();
    this.part("retry").hidden = !helps || !verb(this.#item);
    setWaiting(this.part("retry"), track && busy[track.track]);
    setText(this.part("retry"), this.text(verb(this.#item) ?? "problem.retry"));
    this.part("another").hidden = !helps;
  }
}

/** Return the text key of the retry button, or null if nothing can be retried. */
function verb({ upload, track }) {
  if (upload?.problem) return upload.gone ? null : "problem.uploadAgain";
  if (track.status === "failed" && track.error?.retryable) return "problem.retry";
  return track.status === "cancelled" && track.brief ? "problem.makeAgain" : null;
}
