// The small controls: language, view, session, and announcements for screen readers.
import { nameOf } from "../format.js";
import { isFinal, takeOf } from "../tracks.js";
import { ConnectedElement, setPressed, setText } from "./connected.js";

export class LanguageSwitch extends ConnectedElement {
  static shows = ["language"];

  start() {
    this.addEventListener("click", ({ target }) => {
      if (target.value) this.commands.speak(target.value);
    });
  }

  render({ language }) {
    for (const button of this.querySelectorAll("button")) setPressed(button, button.value === language);
  }
}

export class ViewSwitch extends ConnectedElement {
  static shows = ["language", "dropSession", "view"];

  render({ dropSession, view }) {
    this.hidden = dropSession === null;
    for (const link of this.querySelectorAll("a")) {
      if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }
}

export class SessionPanel extends ConnectedElement {
  static shows = ["language", "view", "session"];

  start() {
    this.press("reset", () => this.#confirm("reset", () => this.commands.reset()));
    this.press("erase", () => this.#confirm("eraseAll", () => this.commands.eraseAll()));
  }

  render({ view, session }) {
    this.hidden = view !== "mine";
    // Shown without tracks, too: a deletion that stopped half-way has already closed the session.
    this.part("acts").hidden = session === null;
  }

  async #confirm(name, act) {
    (await this.demand("confirm-dialog"))?.ask(name, {}, act);
  }
}

/** Announces to screen readers each track that ends, or that can be heard before it ends. */
export class StatusAnnouncer extends ConnectedElement {
  static shows = ["tracks"];
  #known = null;

  render({ tracks, view }) {
    if (tracks === null) {
      this.#known = null;
      return;
    }
    const before = this.#known;
    this.#known = { view, news: new Map(tracks.map((track) => [track.track, newsOf(track)])) };
    // What had happened before the view opened is no news.
    if (before?.view !== view) return;
    const words = tracks
      .filter((track) => newsOf(track) && newsOf(track) !== before.news.get(track.track))
      .map((track) => {
        const title = `${nameOf(this.store.state.language, { track })} ${takeOf(track)}`.trim();
        return this.text(`announcer.${newsOf(track)}`, { title, status: this.text(`status.${track.status}`) });
      });
    if (words.length > 0) setText(this, words.join(" "));
  }
}

/** Return what there is to say of a track: the name of an announcement, or null. */
function newsOf({ status, sketch }) {
  if (isFinal(status)) return "ended";
  return sketch ? "sketch" : null;
}
