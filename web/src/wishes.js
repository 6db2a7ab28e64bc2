// What a person may ask for beside the picture; the genres are those that every engine knows.
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
export const SECONDS = [15, 30, 60, 90, 120, 180];
export const SECONDS_BY_DEFAULT = 30;
