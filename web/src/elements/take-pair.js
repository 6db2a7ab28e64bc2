// Two takes of one picture, A and B: which one is heard, and which one stays.
import { keep, recall } from "../session.js";
import { isFinal, statusOf } from "../tracks.js";
import { ConnectedElement, setPressed, setText, setWaiting } from "./connected.js";

const NAMES = ["A", "B"];
const MAX_DECIDED = 200;

class TakePair extends ConnectedElement {
  static shows = ["language", "busy", "view"];
  #takes = [];
  #place = 0;

  start() {
    this.buttons = [...this.querySelectorAll(".chip")];
    this.addEventListener("click", ({ target }) => {
      const chip = target.closest(".chip");
      if (chip) this.commands.select(this.#takes[chip.value].key);
    });
    this.press("one", () => this.#keepOne());
    this.press("both", () => {
      const second = this.#takes[1].track.track;
      keep("both", [...new Set([...(recall("both") ?? []), second])].slice(-MAX_DECIDED));
      this.buttons[this.#place].focus();
      this.render(this.store.state);
    });
  }

  /** Show the takes of a version, the first one first, and which of them is on the stage. */
  show(takes, item) {
    [this.#takes, this.#place] = [takes, takes.indexOf(item)];
    this.render(this.store.state);
  }

  render({ busy, view }) {
    this.buttons.forEach((button, place) => {
      const take = this.#takes[place];
      setPressed(button, place === this.#place);
      button.disabled = !take;
      setText(button.querySelector("span"), take ? this.#state(statusOf(take)) : "");
    });
    const second = this.#takes[1]?.track.track;
    const decided = !second || (recall("both") ?? []).includes(second);
    this.part("choice").hidden = view !== "mine" || decided;
    setText(this.part("one"), this.text("pair.one", { kept: NAMES[this.#place] }));
    setWaiting(this.part("one"), this.#takes.some(({ track }) => track && busy[track.track]));
  }

  /** Return what there is to say of a take that is not music yet. */
  #state(status) {
    if (status === "ready") return "";
    if (status === "cancelled") return this.text("pair.stopped");
    return this.text(isFinal(status) ? "pair.failed" : "pair.making");
  }

  async #keepOne() {
    const { track } = this.#takes[1 - this.#place];
    const [kept, other] = [NAMES[this.#place], NAMES[1 - this.#place]];
    const title = track.brief?.title ?? this.text("stage.untitled");
    (await this.demand("confirm-dialog"))?.ask("keepOne", { title, kept, other }, async () => {
      // The chips go away with the other take, and the focus with them.
      document.querySelector("#stage").focus({ preventScroll: true });
      await this.commands.erase(track.track);
    });
  }
}

customElements.define("take-pair", TakePair);
