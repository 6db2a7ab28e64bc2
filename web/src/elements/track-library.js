// All pictures of the session as covers, newest first; one of them is on the stage.
import { word } from "../format.js";
import { droppedName, found, joined, newest, pictures, statusOf } from "../tracks.js";
import { ConnectedElement, setText } from "./connected.js";

export class TrackLibrary extends ConnectedElement {
  static shows = ["language", "view", "tracks", "live", "uploads", "selected", "online"];
  #tiles = new Map();

  start() {
    this.list = this.querySelector("ol");
    this.section = this.closest("section");
    this.list.addEventListener("click", ({ target }) => {
      const key = target.closest("button")?.value;
      if (key) this.#bring(key);
    });
  }

  render({ language, view, tracks, uploads, selected, online }, before) {
    const groups = pictures(joined(view === "mine" ? uploads : [], tracks ?? []));
    const drops = view === "drops";
    const loading = tracks === null;
    setText(this.section.querySelector("[data-part=heading]"), this.text(drops ? "library.drops" : "library.mine"));
    const count = groups.length > 0 ? this.text("library.count", { count: groups.length }) : "";
    setText(this.section.querySelector("[data-part=count]"), count);
    // Someone who has nothing yet needs no heading over it: the picker says what to do.
    const first = groups.length === 0 && !loading && !drops;
    const begins = document.body.dataset.state === "first" && !first;
    document.body.dataset.state = first ? "first" : "library";
    // On a phone the picker keeps the shape in which it was first seen, so that nothing jumps under a finger.
    if (first) document.body.dataset.began = "";
    this.section.hidden = first;
    this.section.toggleAttribute("data-loading", loading && groups.length === 0);
    this.part("empty").hidden = groups.length > 0;
    setText(this.part("empty"), this.#emptyWords({ drops, loading, online }));
    this.#place(groups, before?.language !== language);
    this.#mark(found(groups, selected)?.picture.key ?? groups[0]?.key);
    if (begins) this.#lead();
  }

  /** Lead to a stage that has come in below what can be seen, as on a phone. */
  #lead() {
    const stage = document.querySelector("#stage");
    if (stage.getBoundingClientRect().top > innerHeight / 2) stage.scrollIntoView();
  }

  #emptyWords({ drops, loading, online }) {
    if (loading) return this.text(online ? "library.loading" : "library.offline");
    return drops ? this.text("library.emptyDrops") : "";
  }

  /** Bring a picture onto the stage, and the stage into view. */
  #bring(key) {
    this.commands.select(key);
    const stage = document.querySelector("#stage");
    stage.focus({ preventScroll: true });
    stage.scrollIntoView({ block: "nearest" });
  }

  #place(groups, anew) {
    const keys = new Set(groups.map(({ key }) => key));
    for (const [key, { row }] of this.#tiles) {
      if (keys.has(key)) continue;
      row.remove();
      this.#tiles.delete(key);
    }
    let next = this.list.firstElementChild;
    for (const group of groups) {
      const tile = this.#tile(group.key);
      if (tile.row === next) next = next.nextElementSibling;
      else this.list.insertBefore(tile.row, next);
      const item = newest(group);
      const unchanged = tile.track === item.track && tile.upload === item.upload && tile.count === group.items.length;
      if (unchanged && !anew) continue;
      Object.assign(tile, { track: item.track, upload: item.upload, count: group.items.length });
      this.#show(tile, item);
    }
  }

  #tile(key) {
    let tile = this.#tiles.get(key);
    if (!tile) {
      const row = document.createElement("li");
      row.append(document.querySelector("#tile").content.cloneNode(true));
      const [button, image] = [row.querySelector("button"), row.querySelector("img")];
      button.value = key;
      // A browser that cannot show a HEIC has nothing to show until the cover is there.
      image.addEventListener("load", () => (image.hidden = false));
      image.addEventListener("error", () => (image.hidden = true));
      tile = { row, button, image, name: row.querySelector(".name"), state: row.querySelector(".state") };
      this.#tiles.set(key, tile);
    }
    return tile;
  }

  #show({ button, image, name, state, count }, item) {
    const { upload, track } = item;
    const status = statusOf(item);
    const url = track?.music?.coverUrl ?? upload?.preview;
    if (url && image.getAttribute("src") !== url) {
      // A picture that is loaded when it comes near must be there to be near.
      image.hidden = false;
      image.src = url;
    }
    button.dataset.status = status;
    setText(name, track?.brief?.title ?? upload?.file.name ?? droppedName(track) ?? this.text("stage.untitled"));
    name.lang = track?.brief ? track.request.language : "";
    const words = status === "ready" ? word(this.store.state.language, "genres", track.brief.genre) : this.#words(item);
    setText(state, count > 1 ? this.text("library.versions", { words, count }) : words);
  }

  #words({ upload, track }) {
    if (upload?.problem) return this.text("upload.failed");
    if (track && track.status !== "awaiting_upload") return this.text(`status.${track.status}`);
    if (!upload) return this.text("status.awaiting_upload");
    if (upload.fraction === null) return this.text("upload.preparing");
    return this.text(upload.fraction < 1 ? "upload.sending" : "upload.sent");
  }

  #mark(selected) {
    for (const [key, { button }] of this.#tiles) {
      if (key === selected) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }
}
