// What is played in a row: place and title, and buttons that stay in reach while the stage is out of sight.
import { nameOf } from "../format.js";
import { takeTitle } from "../tracks.js";
import { ConnectedElement, setText } from "./connected.js";

const SAYS_MILLISECONDS = 8_000;

export class QueueBar extends ConnectedElement {
  static shows = ["language"];
  #hint = "";
  #fading = null;

  /** Show a queue. */
  connectQueue(store, queue) {
    this.queue = queue;
    this.connect(store, null);
  }

  start() {
    this.press("previous", () => this.queue.go(-1));
    this.press("next", () => this.queue.go(1));
    this.press("pause", () => this.queue.toggle());
    this.press("stop", () => this.queue.stop());
    const hints = { change: "", refused: "playAll.refused" };
    for (const [name, hint] of Object.entries(hints)) {
      this.queue.addEventListener(name, () => {
        if (name !== "change" || !this.queue.isPaused) this.#hint = hint && this.text(hint);
        this.render();
      });
    }
    this.queue.addEventListener("skipped", ({ detail }) => this.#say("playAll.skipped", { title: this.#titleOf(detail) }));
    this.queue.addEventListener("ended", ({ detail }) => this.#leave(detail > 0 ? "playAll.ended" : "playAll.none"));
    this.queue.addEventListener("stopped", () => this.#leave(""));
  }

  #say(key, places) {
    setText(this.part("told"), key && this.text(key, places));
    clearTimeout(this.#fading);
    if (key) this.#fading = setTimeout(() => this.#say(""), SAYS_MILLISECONDS);
  }

  #leave(key) {
    // The focus of a person who uses the keyboard would get lost.
    if (this.part("bar").contains(document.activeElement)) document.querySelector("library-tools [data-part=play]").focus({ preventScroll: true });
    this.#say(key);
    this.#hint = "";
    this.render();
  }

  render() {
    const { current, next } = this.queue;
    this.toggleAttribute("data-playing", Boolean(current));
    this.part("bar").hidden = !current;
    document.documentElement.toggleAttribute("data-queue", Boolean(current));
    if (!current) return;
    this.part("bar").toggleAttribute("data-paused", this.queue.isPaused);
    const title = this.#titleOf(current);
    setText(this.part("place"), this.text("playAll.place", this.queue.place));
    setText(this.part("title"), title);
    this.part("title").lang = current.brief?.language ?? "";
    const following = next ? this.text("playAll.next", { title: this.#titleOf(next) }) : this.text("playAll.last");
    setText(this.part("following"), this.#hint || following);
    this.part("pause").setAttribute("aria-label", this.text(this.queue.isPaused ? "player.play" : "player.pause", { title }));
  }

  #titleOf(track) {
    const { language, tracks } = this.store.state;
    return takeTitle(nameOf(language, { track }), track, tracks);
  }
}
