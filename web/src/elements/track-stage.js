// The stage: one picture's cover, the chosen version, its progress, its brief and its music.
import { prevailingColour, tint } from "../colours.js";
import { nameOf, word } from "../format.js";
import { provenanceOf } from "../provenance.js";
import { awaitsTwin, found, isFinal, joined, newest, pictures, statusOf, takeTitle } from "../tracks.js";
import { ConnectedElement, made, setPressed, setText } from "./connected.js";

export class TrackStage extends ConnectedElement {
  static shows = ["language", "view", "tracks", "uploads", "selected", "busy", "usualSeconds", "closedUntil"];

  #sketched = null;
  #shown = null;
  #music = null;

  start() {
    [this.steps, this.problem] = [this.querySelector("stage-steps"), this.querySelector("stage-problem")];
    [this.brief, this.player] = [this.querySelector("track-brief"), this.querySelector("music-player")];
    this.actions = this.querySelector("stage-actions");
    for (const element of [this.steps, this.problem, this.actions]) element.connect(this.store, this.commands);
    const cover = this.part("cover");
    cover.addEventListener("load", () => {
      cover.hidden = false;
      tint(this, prevailingColour(cover));
    });
    cover.addEventListener("error", () => (cover.hidden = true));
    this.part("versions").addEventListener("click", ({ target }) => {
      if (target.value) this.commands.select(target.value);
    });
  }

  render({ language, view, tracks, uploads, selected }, before) {
    if (before?.language !== language) this.player.speak(language);
    const groups = pictures(joined(view === "mine" ? uploads : [], tracks ?? []));
    const shown = found(groups, selected) ?? (groups[0] ? { picture: groups[0], item: newest(groups[0]) } : null);
    this.hidden = shown === null && tracks !== null;
    this.dataset.state = shown === null ? "loading" : kind(shown.item);
    if (shown) this.#show(shown, language);
    else this.#clear();
  }

  #show({ item, picture }, language) {
    const { upload, track } = item;
    const status = statusOf(item);
    this.dataset.status = status;
    this.dataset.track = track?.track ?? "";
    const title = nameOf(language, item);
    setText(this.part("title"), title);
    this.part("title").lang = track?.brief?.language ?? "";
    const takes = picture.versions.find((version) => version.includes(item));
    this.#showVersions(picture.versions, takes, item);
    this.#showPart("take-pair", takes.length > 1 || awaitsTwin(item), takes, item);
    this.#showCover(upload, track);
    this.brief.show(track?.brief ?? null, language);
    this.steps.show(this.dataset.state === "working" ? item : null);
    this.problem.show(this.dataset.state === "problem" ? item : null);
    this.actions.show(item);
    const sounds = soundsOf(track);
    this.player.hidden = !sounds.sketch && !sounds.music;
    // What a person has heard as a sketch keeps its place when it becomes music, until something else is shown.
    // A new attempt begins without a sketch.
    if (!sounds.music) this.#sketched = sounds.sketch ? item.key : null;
    else if (item.key !== this.#shown) this.#sketched = null;
    this.toggleAttribute("data-sketched", this.#sketched === item.key);
    this.#showProvenance(sounds.music, track, language);
    const artist = track?.brief ? word(language, "genres", track.brief.genre) : "";
    // The other take goes on where this one is.
    const goesOn = item.key !== this.#shown && takes.some(({ key }) => key === this.#shown);
    this.#shown = item.key;
    this.player.show(sounds, { title: track ? takeTitle(title, track, takes.map((take) => take.track)) : title, artist, cover: track?.music?.coverUrl }, goesOn);
    const { url = null } = sounds.music ?? {};
    if (url !== this.#music) this.toggleAttribute("data-tight", this.player.takes.hidden);
    this.#music = url;
    if (sounds.music) import("./hear-picture.js").catch(() => {});
    // Only music with notes has chords to show.
    this.#showPart("track-lane", Boolean(sounds.music?.midiUrl), track);
  }

  #clear() {
    setText(this.part("title"), this.text("library.loading"));
    this.brief.show(null, this.store.state.language);
    this.steps.show(null);
    this.problem.show(null);
    this.actions.show(null);
    this.player.hidden = true;
    this.player.show({});
    this.#showPart("take-pair", false);
    this.#showPart("track-lane", false);
    this.part("versions").hidden = true;
    this.part("provenance").hidden = true;
    this.part("cover").hidden = true;
    this.part("cover").removeAttribute("src");
  }

  /** Show how the music was made. While it is still to come, the words that are expected keep their place. */
  #showProvenance(music, track, language) {
    const words = this.part("provenance");
    const expected = track?.request?.engine ?? this.store.state.engines[0]?.name ?? "composer";
    const engine = music ? music.engine : this.dataset.state === "working" && expected;
    words.hidden = !engine;
    words.style.visibility = music ? "" : "hidden";
    if (engine) setText(words, provenanceOf(language, engine, track?.brief?.editedByPerson));
  }

  /** Show or hide an element that is loaded when it is first shown; its place is kept meanwhile. */
  async #showPart(name, wanted, ...what) {
    const element = this.querySelector(name);
    element.hidden = !wanted;
    if (wanted) (await this.demand(name, { wanted: false }))?.show(...what);
  }

  #showVersions(all, takes, item) {
    const versions = this.part("versions");
    versions.hidden = all.length < 2;
    if (versions.children.length !== all.length) {
      versions.replaceChildren(...all.map(() => made("button", "", { type: "button", class: "chip" })));
    }
    all.forEach((version, place) => {
      const button = versions.children[place];
      button.value = (version === takes ? item : version[0]).key;
      setText(button, this.text("stage.version", { number: place + 1 }));
      setPressed(button, version === takes);
    });
  }

  #showCover(upload, track) {
    const cover = this.part("cover");
    const url = track?.music?.coverUrl ?? upload?.preview;
    if (!url) {
      cover.hidden = true;
      tint(this, null);
    }
    if ((cover.getAttribute("src") ?? undefined) !== url) {
      if (url) cover.src = url;
      else cover.removeAttribute("src");
    }
    cover.alt = track?.brief?.altText ?? this.text("stage.cover");
  }
}

/** Return what can be heard of a track; the sketch also if its music failed. */
function soundsOf(track) {
  const isHeard = track && (!isFinal(track.status) || ["ready", "failed"].includes(track.status));
  return { sketch: (isHeard && track.sketch) || null, music: track?.status === "ready" ? track.music : null };
}

/** Return what the stage shows of an item: progress, music, or why there is none. */
function kind(item) {
  const status = statusOf(item);
  if (status === "ready") return "ready";
  return isFinal(status) ? "problem" : "working";
}
