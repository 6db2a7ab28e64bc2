// Exports: the stems and the loop of a track, which are tracks themselves.
import { resultUrl } from "./tracks.js";

/** Return the newest export of a kind of a track, or null. A cancelled or failed one counts only if there is no other. */
export function exportOf(exports, track, kind) {
  const made = exports.filter(({ request }) => request.export.track === track && request.export.kind === kind);
  const isLost = ({ status }) => ["failed", "rejected", "cancelled"].includes(status);
  return made.find((one) => !isLost(one)) ?? made[0] ?? null;
}

/** Name a loop by what its user needs to know: `TITLE (C minor, 92 BPM, 16 bars)`. */
export async function loopName(music, title, brief) {
  const facts = await fetch(resultUrl(music.url, "track.json")).then((answer) => (answer.ok ? answer.json() : {}), () => ({}));
  return loopTitle(title, { key: brief.key, tempoBpm: brief.tempoBpm, ...facts.form });
}

export function loopTitle(title, { key, tempoBpm, bars }) {
  const facts = [key, `${Math.round(tempoBpm * 100) / 100} BPM`, ...(bars ? [`${bars} bars`] : [])];
  return `${title} (${facts.join(", ")})`;
}
