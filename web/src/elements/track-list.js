// The list of tracks: one card each, kept while its track is there, so that what plays goes on playing.
import { joined } from "../tracks.js";
import { ConnectedElement, setText } from "./connected.js";

export class TrackList extends ConnectedElement {
  #cards = new Map();

  start() {
    this.list = this.querySelector("ol");
    this.heading = document.querySelector("#tracks-heading");
  }

  render({ view, tracks, uploads }) {
    const items = joined(view === "mine" ? uploads : [], tracks ?? []);
    const drops = view === "drops";
    setText(this.heading, this.text(drops ? "tracks.drops" : "tracks.mine"));
    const empty = this.text(drops ? "tracks.emptyDrops" : "tracks.emptyMine");
    setText(this.part("empty"), tracks === null ? this.text("tracks.loading") : empty);
    this.part("empty").hidden = items.length > 0;
    this.#place(items);
  }

  #place(items) {
    const keys = new Set(items.map(({ key }) => key));
    for (const [key, card] of this.#cards) {
      if (keys.has(key)) continue;
      card.parentElement.remove();
      this.#cards.delete(key);
    }
    let next = this.list.firstElementChild;
    for (const item of items) {
      const card = this.#card(item.key);
      const row = card.parentElement;
      // A player that is moved in the document stops, so a row stays where it is if it can.
      if (row === next) next = next.nextElementSibling;
      else this.list.insertBefore(row, next);
      card.show(item);
    }
  }

  #card(key) {
    let card = this.#cards.get(key);
    if (!card) {
      card = document.createElement("track-card");
      const row = document.createElement("li");
      row.append(card);
      card.connect(this.store, this.commands);
      this.#cards.set(key, card);
    }
    return card;
  }
}
