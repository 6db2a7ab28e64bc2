// The brief: caption, moods, genre, instruments, tempo and key.
import { musicalKey, word } from "../format.js";
import { text } from "../texts.js";
import { made, setText } from "./connected.js";

export class TrackBrief extends HTMLElement {
  #shown = [];

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
    const facts = brief ? factsOf(brief, language) : [];
    part("facts").replaceChildren(
      ...facts.map(([name, value]) => {
        const pair = made("div");
        pair.append(made("dt", text(language, `brief.${name}`)), made("dd", value));
        return pair;
      }),
    );
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
