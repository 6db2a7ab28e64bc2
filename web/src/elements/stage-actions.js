// The actions of a track: another version, share, download, delete.
import { download } from "../download.js";
import { fileName, nameOf } from "../format.js";
import { isFinal, isLiked, resultUrl, takeTitle } from "../tracks.js";
import { ConnectedElement, setPressed, setText, setWaiting } from "./connected.js";

const EXTENSIONS = { mp3: "music.mp3", wav: "music.wav", mid: "music.mid", musicxml: "score.musicxml" };

export class StageActions extends ConnectedElement {
  static shows = ["language", "view", "busy"];
  #item = null;
  #asked = false;
  #canFilm = false;

  start() {
    this.press("like", () => this.commands.like(this.#item.track));
    for (const name of ["again", "share"]) {
      this.press(name, async () => {
        const { track } = this.#item;
        (await this.demand(`${name}-dialog`))?.open(track);
      });
    }
    this.press("erase", () => this.#erase());
    this.part("saves").addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (button?.value === "video") this.#film();
      else if (button?.value) this.#save(button);
    });
  }

  /** Find out once, when there is music, whether this browser can make videos. */
  async #askForFilm() {
    this.#asked = true;
    const support = await import("../video-support.js").catch(() => null);
    // If the module could not be loaded, for example offline, try again at the next change.
    this.#asked = support !== null;
    if (!support) return;
    this.#canFilm = (await support.codecs()) !== null;
    this.show(this.#item);
  }

  /** Show the actions of an item; null hides them. Those of music that is still to come only keep their place. */
  show(item) {
    this.#item = item;
    const { upload, track } = item ?? {};
    const ready = track?.status === "ready";
    const mine = this.store.state.view === "mine";
    const coming = Boolean(item) && !upload?.problem && !isFinal(track?.status);
    const none = !ready && !coming;
    this.style.visibility = coming ? "hidden" : "";
    this.hidden = !item || (!mine && none);
    this.part("again").hidden = this.part("like").hidden = !mine || none;
    this.part("share").hidden = none;
    setPressed(this.part("like"), isLiked(track, this.store.state.busy));
    this.part("erase").hidden = !mine;
    setWaiting(this.part("erase"), track && this.store.state.busy[track.track]);
    this.part("saves").hidden = none;
    // Only the composer produces MIDI.
    const composed = !ready || track.music?.engine === "composer";
    this.querySelector("[value=mid]").hidden = !composed;
    this.querySelector("[value=musicxml]").hidden = ready && !track.music?.scoreUrl;
    this.#showExports(mine && composed && !none, ready ? track : null);
    if (ready && !this.#asked) this.#askForFilm();
    this.part("video").hidden = !ready || !this.#canFilm;
  }

  render() {
    this.show(this.#item);
  }

  /** Show the downloads that are made on request; those of music that is still to come only keep their place. */
  async #showExports(wanted, track) {
    this.querySelector("track-exports").hidden = !wanted;
    if (wanted && track) (await this.demand("track-exports", { wanted: false }))?.show(track);
  }

  async #erase() {
    const { key, upload, track } = this.#item;
    const title = nameOf(this.store.state.language, this.#item);
    (await this.demand("confirm-dialog"))?.ask("erase", { title }, async () => {
      if (track) await this.commands.erase(track.track);
      else await this.commands.cancelUpload(key);
      document.querySelector("#library").focus({ preventScroll: true });
    });
  }

  async #save(button) {
    const extension = button.value;
    const { track } = this.#item;
    const { language, tracks } = this.store.state;
    const title = takeTitle(nameOf(language, { track }), track, tracks);
    try {
      await download(resultUrl(track.music.url, EXTENSIONS[extension]), fileName(title, extension), button);
    } catch {
      this.commands.notify("actions.gone");
    }
  }

  /** Make a video, or stop making it. */
  async #film() {
    const { film } = await import("../filming.js").catch(() => ({}));
    if (film) film(this.#item.track, this);
    else this.commands.notify("actions.notFilmed");
  }
}
