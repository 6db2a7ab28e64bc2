// The form of a piece by the composer: sections, chords and parts, from the `track.json` beside the music.
import { text } from "./texts.js";
import { resultUrl } from "./tracks.js";

/**
 * @typedef {object} Form
 * @property {{name: string, startSeconds: number, endSeconds: number, startBar: number, bars: number}[]} sections
 * @property {{name: string, startSeconds: number, endSeconds: number, bar: number}[]} chords
 * @property {{name: string, instrument: string}[]} parts
 */

const forms = new Map();

/**
 * Return the form of a track's music, or null if it has none. It is fetched once; rejects if it cannot be.
 * @returns {Promise<Form | null>}
 */
export function formOf({ music }) {
  const url = resultUrl(music.url, "track.json");
  if (!forms.has(url)) {
    forms.set(url, read(url));
    forms.get(url).catch(() => forms.delete(url));
  }
  return forms.get(url);
}

async function read(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.status}`);
  const { form } = await response.json();
  // Music of an earlier composer states neither times nor parts.
  return form?.chords?.length && form.parts && form.sections?.every(({ startSeconds }) => startSeconds >= 0) ? form : null;
}

/** Return the index of the span that a time is in: the last one that has begun; the first one before all. */
export function placeAt(spans, seconds) {
  return Math.max(0, spans.findLastIndex(({ startSeconds }) => startSeconds <= seconds));
}

/** Spell a chord such as "Bbm7b5" with musical signs. */
export function chordName(name) {
  return name.replaceAll("#", "♯").replace(/(?<=(^|\/)[A-G])b|b(?=\d)/g, "♭");
}

/** Name a section in a language; themes are letters, which need no translation. */
export function sectionName(language, name) {
  return text(language, `form.${name}`, {}, name.replace("'", "′"));
}

/** Name a part, such as "bass-2" with its instrument. */
export function partName(language, { name, instrument }) {
  const [role, number = ""] = name.split("-");
  const named = `${text(language, `form.${role}`, {}, role)} ${number}`.trim();
  const played = text(language, `instruments.${instrument}`, {}, instrument);
  return role === instrument ? named : `${named} (${played})`;
}
