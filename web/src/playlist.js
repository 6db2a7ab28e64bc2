// The finished music of the library, in the order in which it is shown, and the names of its files.
import { fileName } from "./format.js";

/** Return whether a track is music of its own; stems and loops are downloads of another track. */
export function isHeard({ status, music, request }) {
  return status === "ready" && Boolean(music?.url) && !request?.export;
}

/** Return the finished tracks of pictures in the order shown; the versions of a picture follow each other. */
export function finished(groups) {
  return groups.flatMap(({ items }) => items.flatMap(({ track }) => (track && isHeard(track) ? [track] : [])));
}

/** Return a file name for each title. Names that a system cannot tell apart get numbers. */
export function fileNames(titles, extension) {
  const taken = new Set();
  return titles.map((title) => {
    for (let number = 1; ; number += 1) {
      const name = fileName(title.normalize("NFC"), extension);
      const numbered = number === 1 ? name : name.replace(/(?=\.[^.]+$)/, ` (${number})`);
      // Windows and macOS do not tell small and large letters apart.
      if (taken.has(numbered.toLowerCase())) continue;
      taken.add(numbered.toLowerCase());
      return numbered;
    }
  });
}
