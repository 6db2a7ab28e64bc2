// What a person may ask for, in the vocabulary that every engine reads.
export const GENRES = [
  "ambient",
  "classical piano",
  "string ensemble",
  "jazz",
  "bossa nova",
  "lo-fi",
  "folk",
  "rock",
  "electronic",
  "cinematic",
  "waltz",
  "korean traditional",
];
const TONICS = {
  major: ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"],
  minor: ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"],
};
export const KEYS = Object.entries(TONICS).flatMap(([mode, tonics]) => tonics.map((tonic) => `${tonic} ${mode}`));
export const SECONDS = [15, 30, 60, 90, 120, 180];
export const SECONDS_BY_DEFAULT = 30;

/** The most words of each list in a brief; each list has at least one. */
export const MAX_CHOSEN = { moods: 5, instruments: 6 };

/** Return which text explains the choice when `count` words are chosen, and which chips are disabled then. */
export function room(count, most) {
  if (count >= most) return { says: "again.full", closed: "others" };
  return count > 1 ? { says: "again.some", closed: "none" } : { says: "again.last", closed: "chosen" };
}

/** Return the words to choose from, chosen ones first. Moods are free words, so the vocabulary may lack some. */
export function offered(chosen, vocabulary) {
  return [...new Set([...chosen, ...vocabulary])];
}

/** Return the fields of an edit that differ from the brief and its request. */
export function changes(before, after) {
  return Object.fromEntries(Object.entries(after).filter(([name, value]) => String(value) !== String(before[name])));
}
