// The brief: caption, moods, genre, instruments, tempo and key, and why they fit the picture.
import { musicalKey, word } from "../format.js";
import { text } from "../texts.js";
import { made, setText } from "./connected.js";

const REASONS = ["mood", "tempo", "key", "instruments"];

export class TrackBrief extends HTMLElement {
  #shown = [];

  connectedCallback() {
    // On a phone the reasons would push the rest away.
    this.querySelector("details").open = matchMedia("(min-width: 62rem)").matches;
  }

  /** Show a brief; null shows its placeholder. */
  show(brief, language) {
    if (this.#shown[0] === brief && this.#shown[1] === language) return;
    this.#shown = [brief, language];
    const part = (name) => this.querySelector(`[data-part="${name}"]`);
    this.toggleAttribute("data-waiting", !brief);
    setText(part("caption"), brief?.caption ?? "");
    // The caption stays in the requested language when the page's language changes.
    part("caption").lang = brief?.language ?? "";
    const moods = (brief?.moods ?? []).map((mood) => word(language, "moods", mood));
    part("moods").replaceChildren(...moods.map((mood) => made("li", mood)));
    const list = (name, facts, lang) =>
      part(name).replaceChildren(
        ...facts.map(([about, value]) => {
          const pair = made("div");
          pair.append(made("dt", text(language, `brief.${about}`)), made("dd", value, lang && { lang }));
          return pair;
        }),
      );
    list("facts", brief ? factsOf(brief, language) : []);
    const reasons = REASONS.map((name) => [name, brief?.why?.[name]]).filter(([, why]) => why);
    // The reasons stay in the requested language, too.
    list("reasons", reasons, brief?.language);
    part("why").hidden = reasons.length === 0;
  }
}

function factsOf({ genre, instruments, tempoBpm, key }, language) {
  const played = instruments.map((instrument) => word(language, "instruments", instrument));
  return [
    ["genre", word(language, "genres", genre)],
    ["instruments", played.join(", ")],
    ["tempo", text(language, "brief.bpm", { bpm: tempoBpm })],
    ["key", musicalKey(language, key)],
  ];
}
