// All pictures of the session as covers, newest first; the stage shows one of them.
import { nameOf, word } from "../format.js";
import { found, isLiked, joined, newest, pictures, statusOf } from "../tracks.js";
import { ConnectedElement, setPressed, setText } from "./connected.js";

// From so many tracks on, tools for the whole library are useful.
const SEVERAL = 3;

export class TrackLibrary extends ConnectedElement {
  static shows = ["language", "view", "tracks", "live", "more", "uploads", "selected", "online", "busy"];
  #tiles = new Map();
  #groups = [];

  start() {
    this.list = this.querySelector("ol");
    this.section = this.closest("section");
    this.list.addEventListener("click", ({ target }) => {
      const key = target.closest("button")?.value;
      if (key) this.#bring(key);
    });
    this.older = this.section.querySelector("[data-part=older]");
    this.older.addEventListener("click", () => this.commands.older());
    this.tools = this.section.querySelector("library-tools");
  }

  render({ language, view, tracks, more, uploads, selected, online }, before) {
    const groups = pictures(joined(view === "mine" ? uploads : [], tracks ?? []));
    const drops = view === "drops";
    const loading = tracks === null;
    setText(this.section.querySelector("[data-part=heading]"), this.text(drops ? "library.drops" : "library.mine"));
    const count = groups.length > 0 ? this.text("library.count", { count: groups.length }) : "";
    setText(this.section.querySelector("[data-part=count]"), count);
    // An empty library needs no heading; the picker says what to do.
    const first = groups.length === 0 && !loading && !drops;
    const begins = document.body.dataset.state === "first" && !first;
    document.body.dataset.state = first ? "first" : "library";
    // On a phone the picker keeps its first shape, so nothing jumps under a finger.
    if (first) document.body.dataset.began = "";
    this.section.hidden = first;
    this.section.toggleAttribute("data-loading", loading && groups.length === 0);
    this.part("empty").hidden = groups.length > 0;
    setText(this.part("empty"), this.#emptyWords({ drops, loading, online }));
    this.older.hidden = !more;
    this.#place(groups, before?.language !== language);
    this.#mark(found(groups, selected)?.picture.key ?? groups[0]?.key);
    this.#equip(groups, tracks);
    if (begins) this.#lead();
  }

  async #equip(groups, tracks) {
    this.#groups = groups;
    this.tools.hidden = !(tracks?.length >= SEVERAL);
    if (this.tools.hidden) return;
    const { equip } = await import("./library-tools.js").catch(() => ({}));
    if (equip) equip(this.tools, this.store, this.commands);
    else this.tools.hidden = true;
    this.tools.show?.(this.#groups);
  }

  /** Scroll to the stage if it appeared below the screen, as on a phone. */
  #lead() {
    const stage = document.querySelector("#stage");
    if (stage.getBoundingClientRect().top > innerHeight / 2) stage.scrollIntoView();
  }

  #emptyWords({ drops, loading, online }) {
    if (loading) return this.text(online ? "library.loading" : "library.offline");
    return drops ? this.text("library.emptyDrops") : "";
  }

  /** Show a picture's newest version, which is that of its tile, and scroll to the stage. */
  #bring(key) {
    const picture = this.#groups.find((group) => group.key === key);
    this.commands.select(newest(picture).key);
    const stage = document.querySelector("#stage");
    stage.focus({ preventScroll: true });
    stage.scrollIntoView({ block: "nearest" });
  }

  #place(groups, redraw) {
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
      const { busy } = this.store.state;
      const likes = group.items.map(({ track }) => isLiked(track, busy));
      const shown = { ...item, count: group.versions.length, liked: isLiked(item.track, busy), any: likes.includes(true) };
      if (Object.keys(shown).every((name) => tile[name] === shown[name]) && !redraw) continue;
      Object.assign(tile, shown);
      this.#show(tile, item);
    }
  }

  #tile(key) {
    let tile = this.#tiles.get(key);
    if (!tile) {
      const row = document.createElement("li");
      row.append(document.querySelector("#tile").content.cloneNode(true));
      const [button, like] = row.querySelectorAll("button");
      const image = row.querySelector("img");
      button.value = key;
      like.addEventListener("click", () => this.commands.like(tile.track));
      // A browser that cannot show HEIC shows nothing until the cover exists.
      image.addEventListener("load", () => (image.hidden = false));
      image.addEventListener("error", () => (image.hidden = true));
      tile = { row, button, like, image, name: row.querySelector(".name"), state: row.querySelector(".state") };
      this.#tiles.set(key, tile);
    }
    return tile;
  }

  #show({ row, button, like, liked, any, image, name, state, count }, item) {
    const { upload, track } = item;
    const status = statusOf(item);
    const url = track?.music?.coverUrl ?? upload?.preview;
    if (url && image.getAttribute("src") !== url) {
      // A hidden image is never lazily loaded, so show it first.
      image.hidden = false;
      image.src = url;
    }
    button.dataset.status = status;
    setText(name, nameOf(this.store.state.language, item, true));
    // The heart is that of the version shown here. The filter, which styles apply, also finds pictures by older ones.
    row.toggleAttribute("data-liked", any);
    setPressed(like, liked);
    like.setAttribute("aria-label", this.text("library.like", { title: name.textContent }));
    name.lang = track?.brief ? track.request.language : "";
    const words = status === "ready" ? word(this.store.state.language, "genres", track.brief.genre) : this.#words(item);
    setText(state, count > 1 ? this.text("library.versions", { words, count }) : words);
  }

  #words({ upload, track }) {
    if (upload?.problem) return this.text("upload.failed");
    if (track && track.status !== "awaiting_upload") return this.text(`status.${track.status}`);
    if (!upload) return this.text("status.awaiting_upload");
    if (upload.waits) return this.text("upload.waiting");
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
