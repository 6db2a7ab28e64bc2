// The lane under the waveform: sections, the present chord and the next ones, which move with the music.
import { chordName, formOf, placeAt, sectionName } from "../form.js";
import { clock } from "../format.js";
import { ConnectedElement, made, setText } from "./connected.js";

// How wide a chord is on average, so that the next one is in sight in slow and in fast music.
const CHORD_PIXELS = 88;
const LONG = 4;
const EVENTS = ["play", "pause", "ended", "timeupdate", "seeked", "loadedmetadata", "emptied"];

class TrackLane extends ConnectedElement {
  static shows = ["language"];
  #wanted = null;
  #form = null;
  #shown = {};
  #scale = 1;
  #ticking = null;

  start() {
    this.player = this.closest("[role=region]").querySelector("music-player");
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    // Events of media do not bubble.
    for (const name of EVENTS) this.player.addEventListener(name, () => this.#tick(), true);
    this.part("sections").addEventListener("click", ({ target }) => {
      const { value } = target.closest("button") ?? {};
      if (value) this.player.seek(Number(value));
    });
    this.press("chord", () => this.#say());
    for (const name of ["focus", "blur"]) this.part("chord").addEventListener(name, () => this.#form && this.#name());
    this.press("list", ({ currentTarget }) => {
      const list = this.part("all");
      list.hidden = !list.hidden;
      currentTarget.setAttribute("aria-expanded", String(!list.hidden));
    });
  }

  /** Show the form of a track's music. */
  async show(track) {
    const { url } = track.music;
    if (this.#wanted === url) return;
    this.#wanted = url;
    this.#form = null;
    this.dataset.state = "loading";
    const form = await formOf(track).catch(() => null);
    if (this.#wanted !== url) return;
    // What could not be loaded is loaded when the track is shown again.
    if (!form) this.#wanted = null;
    this.hidden = form === null;
    this.#form = form;
    this.render(this.store.state);
  }

  render({ language }) {
    if (!this.#form) return;
    const { sections, chords } = this.#form;
    const name = (section) => sectionName(language, section.name);
    this.dataset.state = "ready";
    this.part("sections").replaceChildren(
      ...sections.map((section) => {
        const { startSeconds, endSeconds } = section;
        const row = made("li");
        row.style.flexGrow = String(endSeconds - startSeconds);
        const label = this.text("lane.section", { name: name(section), at: clock(startSeconds) });
        row.append(made("button", name(section), { type: "button", value: startSeconds, "aria-label": label }));
        return row;
      }),
    );
    this.#scale = (CHORD_PIXELS * chords.length) / (chords.at(-1).endSeconds - chords[0].startSeconds);
    this.part("strip").replaceChildren(
      ...chords.map((chord) => {
        const block = made("span", chordName(chord.name));
        block.style.left = `${chord.startSeconds * this.#scale}px`;
        block.style.width = `${(chord.endSeconds - chord.startSeconds) * this.#scale}px`;
        return block;
      }),
    );
    this.part("all").replaceChildren(
      ...sections.map((section) => {
        const pair = made("div");
        const played = chords.filter(({ startSeconds: at }) => at >= section.startSeconds && at < section.endSeconds);
        const names = made("dd");
        played.forEach((chord, place) => {
          if (chord.bar !== played[place - 1]?.bar) names.append(made("small", this.text("lane.bar", { bar: chord.bar })));
          names.append(` ${chordName(chord.name)} `);
        });
        pair.append(made("dt", `${name(section)} · ${clock(section.startSeconds)}`), names);
        return pair;
      }),
    );
    setText(this.part("said"), "");
    this.#shown = {};
    this.#tick();
  }

  /** Follow the music at every frame while it plays. */
  #tick() {
    cancelAnimationFrame(this.#ticking);
    if (!this.#form || this.hidden) return;
    const { currentTime, paused } = this.player.audio;
    this.#follow(currentTime);
    if (!paused) this.#ticking = requestAnimationFrame(() => this.#tick());
  }

  #follow(seconds) {
    const { sections, chords } = this.#form;
    const [section, chord] = [placeAt(sections, seconds), placeAt(chords, seconds)];
    if (section !== this.#shown.section) {
      [...this.part("sections").querySelectorAll("button")].forEach((button, place) => {
        if (place === section) button.setAttribute("aria-current", "true");
        else button.removeAttribute("aria-current");
      });
    }
    if (chord !== this.#shown.chord) {
      const name = chordName(chords[chord].name);
      const button = this.part("chord");
      setText(button, name);
      button.toggleAttribute("data-long", name.length > LONG);
      // The present chord is said beside the strip, which shows the next ones.
      [...this.part("strip").children].forEach((block, place) => block.toggleAttribute("data-past", place <= chord));
    }
    // Without motion the chords step instead of gliding.
    const place = this.calm.matches ? chords[chord].startSeconds : seconds;
    this.part("strip").style.transform = `translateX(${-place * this.#scale}px)`;
    const isOther = chord !== this.#shown.chord;
    this.#shown = { section, chord };
    // Some screen readers speak whenever the name of what has the focus changes, so it keeps its name; a press says it.
    if (isOther && document.activeElement !== this.part("chord")) this.#name();
  }

  #name() {
    const chord = chordName(this.#form.chords[this.#shown.chord].name);
    this.part("chord").setAttribute("aria-label", this.text("lane.now", { chord }));
  }

  /** Say the present chord once, because a live region that followed the music would never be silent. */
  #say() {
    const { sections, chords } = this.#form;
    const chord = chords[this.#shown.chord];
    const section = sectionName(this.store.state.language, sections[this.#shown.section].name);
    // The same words are said again at a second press.
    this.part("said").textContent = this.text("lane.said", { chord: chordName(chord.name), section, bar: chord.bar });
  }
}

customElements.define("track-lane", TrackLane);
