// One track: its picture, where it stands, what was read in the picture, and the music.
import { download } from "../download.js";
import { fileName, musicalKey, span } from "../format.js";
import { localise } from "../texts.js";
import { elapsed, isFinal, progress } from "../tracks.js";
import { ConnectedElement, setText } from "./connected.js";

const TICK_MILLISECONDS = 1000;

export class TrackCard extends ConnectedElement {
  #item = { key: null, upload: null, track: null };
  #language = null;
  #clock = null;
  #broken = false;

  start() {
    this.append(document.querySelector("#track-card").content.cloneNode(true));
    this.part("again").addEventListener("click", () => this.commands.uploadAgain(this.#item.key));
    for (const name of ["mp3", "wav"]) {
      const link = this.part(name);
      link.addEventListener("click", (event) => {
        event.preventDefault();
        download(link.href, link.download);
      });
    }
    // A browser that cannot show a HEIC has nothing to show until the cover is there.
    const cover = this.part("cover");
    cover.addEventListener("load", () => (cover.hidden = false));
    cover.addEventListener("error", () => (cover.hidden = true));
    this.part("audio").addEventListener("error", () => {
      this.#broken = true;
      this.#update();
    });
  }

  disconnectedCallback() {
    clearInterval(this.#clock);
  }

  /** Show an item of the list: `{key, upload, track}`. */
  show(item) {
    this.#item = item;
    this.#update();
  }

  render({ language }) {
    if (language === this.#language) return;
    this.#language = language;
    localise(this, language);
    this.#update();
  }

  #update() {
    const { upload, track } = this.#item;
    if (!upload && !track) return;
    this.dataset.track = track?.track ?? "";
    // Titles, captions and errors are in the language that was asked for, whatever the page speaks now.
    const language = track?.request?.language ?? this.#language;
    for (const name of ["title", "caption", "problem"]) this.part(name).lang = language;
    this.dataset.status = upload?.problem ? "failed" : (track?.status ?? "awaiting_upload");
    this.#showStatus(upload, track);
    this.#showBrief(track?.brief);
    this.#showCover(upload, track);
    this.#showMusic(track);
  }

  #showStatus(upload, track) {
    const over = Boolean(upload?.problem) || isFinal(track?.status);
    const title = track?.brief?.title ?? upload?.file.name ?? droppedName(track) ?? this.text("track.untitled");
    setText(this.part("title"), title);
    setText(this.part("status"), this.#statusWords(upload, track));
    this.part("progress").hidden = over;
    this.part("progress").value = progress(upload, track);
    this.part("progress").ariaLabel = this.part("status").textContent;
    const problem = upload?.problem ? this.text(upload.problem) : (track?.error?.message ?? "");
    setText(this.part("problem"), problem || (this.#broken ? this.text("track.playback") : ""));
    this.part("again").hidden = !upload?.problem;
    this.#showElapsed();
    clearInterval(this.#clock);
    if (track && !over) this.#clock = setInterval(() => this.#showElapsed(), TICK_MILLISECONDS);
  }

  #statusWords(upload, track) {
    if (upload?.problem) return this.text("track.uploadFailed");
    if (track && track.status !== "awaiting_upload") return this.text(`status.${track.status}`);
    if (!upload) return this.text("status.awaiting_upload");
    if (upload.fraction === null) return this.text("track.preparing");
    return this.text(upload.fraction < 1 ? "track.uploading" : "track.uploaded");
  }

  #showElapsed() {
    const { track } = this.#item;
    const milliseconds = elapsed(track, Date.now());
    const time = milliseconds === null ? "" : span(this.#language, milliseconds);
    const took = track?.status === "ready" ? this.text("track.took", { time }) : time;
    setText(this.part("elapsed"), isFinal(track?.status) && track.status !== "ready" ? "" : took);
  }

  #showBrief(brief) {
    setText(this.part("caption"), brief?.caption ?? "");
    const moods = (brief?.moods ?? []).map((mood) => this.text(`moods.${mood}`, {}, mood));
    this.part("moods").replaceChildren(...moods.map((mood) => element("li", mood)));
    const facts = brief ? this.#facts(brief) : [];
    this.part("brief").replaceChildren(
      ...facts.flatMap(([name, value]) => [element("dt", this.text(`track.${name}`)), element("dd", value)]),
    );
  }

  #facts({ genre, instruments, tempoBpm, key }) {
    const played = instruments.map((instrument) => this.text(`instruments.${instrument}`, {}, instrument));
    return [
      ["genre", this.text(`genres.${genre}`, {}, genre)],
      ["instruments", played.join(", ")],
      ["tempo", this.text("track.bpm", { bpm: tempoBpm })],
      ["key", musicalKey(this.#language, key)],
    ];
  }

  #showCover(upload, track) {
    const cover = this.part("cover");
    const url = track?.music?.coverUrl ?? upload?.preview;
    if (url && cover.getAttribute("src") !== url) cover.src = url;
    cover.alt = track?.brief?.altText ?? this.text("track.cover");
  }

  #showMusic(track) {
    const music = track?.status === "ready" ? track.music : null;
    const audio = this.part("audio");
    audio.hidden = !music;
    this.part("downloads").hidden = !music;
    if (!music) return;
    const title = track.brief?.title ?? this.text("track.untitled");
    if (audio.getAttribute("src") !== music.url) audio.src = music.url;
    audio.ariaLabel = this.text("track.audio", { title });
    this.#offer("mp3", music.url, title);
    this.#offer("wav", music.wavUrl, title);
  }

  #offer(name, url, title) {
    const link = this.part(name);
    link.hidden = !url;
    if (!url) return;
    link.href = url;
    link.download = fileName(title, name);
  }
}

function element(name, words) {
  const made = document.createElement(name);
  made.textContent = words;
  return made;
}

/** The file name of a picture that was dropped into the bucket; an announced upload's object name says nothing. */
function droppedName(track) {
  const name = track?.image?.object;
  return name && !name.startsWith("uploads/") ? name.split("/").at(-1) : null;
}
