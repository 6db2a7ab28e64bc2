// Tools for the whole library: search, play all, download all. Loaded when there are several tracks.
import { save } from "../download.js";
import { nameOf } from "../format.js";
import { fileNames, finished } from "../playlist.js";
import { Queue } from "../queue.js";
import { matcher, searchable } from "../searching.js";
import { takeTitle } from "../tracks.js";
import { ConnectedElement, setText } from "./connected.js";
import { QueueBar } from "./queue-bar.js";

const SPEAKS_AFTER_MILLISECONDS = 500;
const LOADS_WITHIN_MILLISECONDS = 15_000;
const LOADS_BEFORE = 3;
const MEGABYTE = 1_000_000;

/** Bring the element to life, once. */
export function equip(tools, store, commands) {
  if (customElements.get("library-tools")) return;
  customElements.define("queue-bar", QueueBar);
  customElements.define("library-tools", LibraryTools);
  tools.connect(store, commands);
}

class LibraryTools extends ConnectedElement {
  static shows = ["language", "more"];
  // What is searched of each picture, as long as its items are the same objects.
  #known = new Map();
  #all = [];
  #found = [];
  #query = "";
  #told = "";
  #playsAll = false;
  #speaking = null;
  #zipping = null;
  #done = 0;

  start() {
    this.list = document.querySelector("track-library ol");
    this.likedOnly = this.parentElement.querySelector(".head input");
    this.likedOnly.addEventListener("change", () => this.#search());
    this.queue = new Queue(this.store, this.commands, document.querySelector("track-stage music-player"));
    document.querySelector("queue-bar").connectQueue(this.store, this.queue);
    for (const name of ["change", "stopped", "ended"]) this.queue.addEventListener(name, () => this.#name());
    this.queue.addEventListener("change", () => this.#provide());
    const { search } = this;
    search.addEventListener("input", () => this.#search());
    search.addEventListener("keydown", (event) => {
      // In an input method, Escape belongs to what is being composed.
      if (event.key !== "Escape" || event.isComposing) return;
      search.value = "";
      this.#search();
    });
    this.press("searchOlder", () => this.commands.older());
    this.press("play", () => this.#play());
    this.press("zip", () => (this.#zipping ? this.#zipping.abort() : this.#zip()));
  }

  get search() {
    return this.part("search");
  }

  /** Search these pictures, as `pictures` groups them. */
  show(groups) {
    this.#all = groups;
    this.render();
    if (this.queue.current && this.#playsAll) this.queue.extend(finished(groups));
  }

  #play() {
    if (this.queue.current) {
      this.queue.stop();
      return;
    }
    this.#playsAll = !this.#chooses;
    this.queue.start(finished(this.#found));
  }

  /** Load older music before what plays in a row comes to its end. */
  #provide() {
    const { place, count } = this.queue.place;
    if (this.#playsAll && this.store.state.more && count - place < LOADS_BEFORE) this.commands.older();
  }

  render() {
    this.#find();
    this.#name();
    this.#tell();
  }

  #search() {
    this.#query = this.search.value.trim();
    this.#find();
    this.#name();
    // While a person types, a screen reader speaks only the last result.
    clearTimeout(this.#speaking);
    this.#speaking = setTimeout(() => this.#tell(), SPEAKS_AFTER_MILLISECONDS);
  }

  /** Whether not all pictures are shown. */
  get #chooses() {
    return Boolean(this.#query) || this.#showsLiked;
  }

  /** Whether the filter of the library hides what is not liked; if nothing is liked, it hides nothing. */
  get #showsLiked() {
    return this.likedOnly.checked && this.list.querySelector("[data-liked]") !== null;
  }

  /** Find pictures of which one version matches, and hide the tiles of the others. */
  #find() {
    const known = new Map();
    const matches = matcher(this.#query);
    // Without a search nothing is read: of many tracks that would take long.
    const isFound = (group) => !this.#query || this.#textsOf(group, known).some(matches);
    const found = new Set(this.#all.filter(isFound).map(({ key }) => key));
    this.#known = known;
    for (const row of this.list.children) {
      const { value } = row.querySelector("button");
      row.hidden = !found.has(value);
      // Styles hide these.
      if (this.#showsLiked && !row.hasAttribute("data-liked")) found.delete(value);
    }
    this.#found = this.#all.filter(({ key }) => found.has(key));
  }

  #textsOf({ key, items }, known) {
    const before = this.#known.get(key);
    const isSame = before?.items.length === items.length && before.items.every((item, place) => item.track === items[place].track);
    const texts = isSame ? before.texts : items.map(searchable);
    known.set(key, { items, texts });
    return texts;
  }

  #tell() {
    const { tracks, more } = this.store.state;
    const count = this.#found.length;
    const words = [];
    if (count > 0 && this.#chooses) words.push(this.text("search.found", { count }));
    if (count === 0 && this.#query) words.push(this.text("search.none", { words: this.#query }));
    if (this.#chooses && more) words.push(this.text("search.newest", { count: tracks?.length ?? 0 }));
    this.part("searchOlder").hidden = !this.#chooses || !more;
    // Every change of a track comes here, and the words about a download should stay.
    if (words.join(" ") === this.#told) return;
    this.#told = words.join(" ");
    this.#say(this.#told);
  }

  #say(words) {
    setText(this.part("told"), words);
  }

  #name() {
    const playable = finished(this.#found).length;
    const start = this.#chooses ? "playAll.found" : "playAll.start";
    setText(this.part("playWords"), this.text(this.queue.current ? "playAll.stop" : start));
    this.part("playIcon").setAttribute("href", this.queue.current ? "#i-close" : "#i-play");
    this.part("play").disabled = !this.queue.current && playable === 0;
    this.part("zip").disabled = !this.#zipping && playable === 0;
    this.#nameZip();
  }

  #nameZip() {
    const { tracks = [], isCollecting = false } = this.#zipping ?? {};
    const words = this.#chooses ? "zip.found" : "zip.start";
    const key = isCollecting ? "zip.collecting" : this.#zipping ? "zip.saving" : words;
    setText(this.part("zipWords"), this.text(key));
    // The count is no part of the button's name: some screen readers speak whenever the name of what has the focus changes.
    const { dataset } = this.part("zip");
    if (this.#zipping && !isCollecting) dataset.done = `${this.#done}/${tracks.length}`;
    else delete dataset.done;
  }

  /** Download what is shown as one ZIP; without a search also what is not loaded yet. */
  async #zip() {
    const zipping = (this.#zipping = Object.assign(new AbortController(), { tracks: [], isCollecting: true }));
    this.#done = 0;
    this.#say("");
    this.#name();
    try {
      const zip = await import("../zip.js");
      // The browser asks for a place only right after a press, so it asks first.
      const saveAll = await zip.destination(`${this.text("zip.name")}.zip`, save);
      if (!this.#chooses) await this.#loadAll(zipping.signal);
      zipping.tracks = finished(this.#found);
      zipping.isCollecting = false;
      const onFile = (done) => {
        this.#done = done;
        this.#nameZip();
      };
      onFile(0);
      const { language, tracks } = this.store.state;
      const titleOf = (track) => takeTitle(nameOf(language, { track }), track, tracks);
      const names = fileNames(zipping.tracks.map(titleOf), "mp3");
      const missed = await zip.pack(zipping.tracks, names, saveAll, onFile, zipping.signal);
      const words = [this.text("zip.saved", { count: zipping.tracks.length - missed.length })];
      if (missed.length > 0) words.push(this.text("zip.missed", { titles: missed.map(titleOf).join(", ") }));
      if (!this.#chooses && this.store.state.more) words.push(this.text("zip.partly"));
      this.#say(words.join(" "));
    } catch (error) {
      this.#say(await this.#problem(error));
    } finally {
      this.#zipping = null;
      this.#name();
    }
  }

  async #problem({ name, bytes }) {
    const { MAX_IN_MEMORY } = await import("../zip.js").catch(() => ({ MAX_IN_MEMORY: 0 }));
    const sizes = { limit: MAX_IN_MEMORY / MEGABYTE, size: Math.ceil(bytes / MEGABYTE) };
    if (name === "TooLargeError") return this.text("zip.tooLarge", sizes);
    if (name === "NothingError") return this.text("zip.nothing");
    return this.text(name === "AbortError" ? "zip.stopped" : "zip.failed");
  }

  /** Load all older tracks. */
  async #loadAll(signal) {
    const { store } = this;
    while (store.state.more) {
      signal.throwIfAborted();
      const count = store.state.tracks.length;
      await new Promise((resolve) => {
        const look = () => {
          if (store.state.more && store.state.tracks?.length === count) return;
          clearTimeout(waited);
          store.removeEventListener("change", look);
          resolve();
        };
        const waited = setTimeout(resolve, LOADS_WITHIN_MILLISECONDS);
        signal.addEventListener("abort", resolve);
        store.addEventListener("change", look);
        this.commands.older();
      });
      if (store.state.tracks?.length === count) break;
    }
    signal.throwIfAborted();
  }
}
