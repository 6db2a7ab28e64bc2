// What a person may ask for, in the vocabulary that every engine knows.
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

/** Of what there may be several in a brief, and how many; there is always one. */
export const AT_MOST = { moods: 5, instruments: 6 };

/** The key of the text that says what may be done where `count` words are chosen, and which words are closed then. */
export function room(count, most) {
  if (count >= most) return { says: "again.full", closed: "others" };
  return count > 1 ? { says: "again.some", closed: "none" } : { says: "again.last", closed: "chosen" };
}

/** The words to choose from, those that are chosen first; moods are free words, so some may be in no vocabulary. */
export function offered(chosen, vocabulary) {
  return [...new Set([...chosen, ...vocabulary])];
}

/** What an edit changes of a brief and its request: only the fields whose values, or lists of values, differ. */
export function changes(before, after) {
  return Object.fromEntries(Object.entries(after).filter(([name, value]) => String(value) !== String(before[name])));
}
