// Estimates how long each step takes, from finished tracks, and how far along a track is.
import { isFinal } from "./tracks.js";

/** The steps that the page shows, each with its statuses. */
export const STEPS = [
  { name: "upload", statuses: ["awaiting_upload"] },
  { name: "reading", statuses: ["captioning"] },
  { name: "preparing", statuses: ["captioned", "launching"] },
  { name: "composing", statuses: ["composing"] },
];
// Used if neither this session nor the configuration has times: a cold start of each function and of a pipeline job.
const USUAL = { upload: 4, reading: 6, preparing: 4, composing: 150 };
const USUAL_SKETCH = 5;
const MIN_TRACKS = 2;
const LATE = 1.25;

/** Return the index of a status's step; the number of steps for a final status. */
export function stepOf(status) {
  const place = STEPS.findIndex(({ statuses }) => statuses.includes(status));
  return place === -1 ? STEPS.length : place;
}

/**
 * Return the usual seconds of each step: the median of the session's tracks, otherwise the configuration's value,
 * otherwise a cautious guess. `known` says whether it is the session's.
 */
export function usualSeconds(tracks, configured = {}) {
  const past = (tracks ?? []).filter(({ status, attempt }) => status === "ready" && attempt === 1);
  return Object.fromEntries(
    STEPS.map(({ name }, place) => {
      const taken = past.map((track) => seconds(track, place)).filter((value) => value !== null);
      const known = taken.length >= MIN_TRACKS;
      return [name, { seconds: known ? median(taken) : (configured[name] ?? USUAL[name]), known }];
    }),
  );
}

/**
 * Return the usual seconds of each step for a request. Past tracks of its engine and length count if there are enough,
 * otherwise those of its engine. The engine null is the deployment's.
 */
export function usualFor(tracks, configured, { durationSeconds, engine = null } = {}) {
  const same = (tracks ?? []).filter(({ request }) => (request?.engine ?? null) === engine);
  const alike = usualSeconds(same.filter(({ request }) => request?.durationSeconds === durationSeconds), configured);
  return Object.values(alike).some(({ known }) => known) ? alike : usualSeconds(same, configured);
}

/** Return the configuration's usual seconds with those of a chosen engine; without one, they are the default engine's. */
export function usualWith(configured, engines, engine) {
  const { usualSeconds } = engines.find(({ name }) => name === engine) ?? {};
  return usualSeconds ? { ...configured, composing: usualSeconds } : configured;
}

/**
 * Return how many seconds it usually takes from the choice of a picture to the first sound and to the music of a
 * request, `{sketch, music}`. `sketched` is how long this visit's sketches took from the brief, if there are enough.
 * `sketch` is null if the configuration says that there are none.
 */
export function outlookBefore(tracks, configured, request, sketched = []) {
  const usual = usualFor(tracks, configured, request);
  const music = STEPS.reduce((sum, { name }) => sum + usual[name].seconds, 0);
  const { sketch = USUAL_SKETCH } = configured;
  const taken = sketched.length < MIN_TRACKS ? sketch : median(sketched);
  return { sketch: sketch === null ? null : usual.upload.seconds + usual.reading.seconds + taken, music };
}

/**
 * Return the seconds from the brief to the sketch of each track that had none `before`, by the server's times: the page
 * may see a sketch late, for example because the computer slept. The last change of a track that has ended was no sketch.
 */
export function newSketches(before, tracks) {
  const waiting = new Set((before ?? []).filter(({ sketch }) => !sketch).map(({ track }) => track));
  return tracks
    .filter(({ track, sketch, attempt, status }) => sketch && attempt === 1 && !isFinal(status) && waiting.has(track))
    .map(({ timeline, updatedAt }) => (updatedAt - timeline?.captioned) / 1000)
    .filter((taken) => taken >= 0);
}

/** Return how long a track took for a step, or null if its timeline does not say. */
export function seconds(track, place) {
  const begun = begin(track, place);
  const ended = begin(track, place + 1);
  return begun === null || ended === null || ended < begun ? null : (ended - begun) / 1000;
}

/** Return when a track reached a step, in milliseconds since 1970; the step after the last one is its end. */
function begin({ timeline = {}, status }, place) {
  if (place === STEPS.length) return (isFinal(status) ? timeline[status] : null) ?? null;
  const times = STEPS[place].statuses.map((name) => timeline[name]).filter((time) => time !== undefined);
  return times.length > 0 ? Math.min(...times) : null;
}

/**
 * Return how far along an item is, from 0 to 1, how many seconds are usually left, and whether a step is late.
 * Progress slows down in a late step; it never stops and never exceeds the step.
 */
export function outlook({ upload, track }, usual, now) {
  const place = stepOf(track?.status ?? "awaiting_upload");
  const total = STEPS.reduce((sum, { name }) => sum + usual[name].seconds, 0);
  let done = 0;
  for (const { name } of STEPS.slice(0, place)) done += usual[name].seconds;
  if (place === STEPS.length) return { fraction: 1, left: 0, late: false };
  const { name } = STEPS[place];
  const ratio = place === 0 ? (upload?.fraction ?? 0) : inStep(track, now) / usual[name].seconds;
  const reached = done + (place === 0 ? ratio : eased(ratio)) * usual[name].seconds;
  return { fraction: reached / total, left: Math.max(1, Math.round(total - reached)), late: ratio > LATE };
}

/** Return how many seconds a track has been in its current step. Clocks may differ, so it is never below 0. */
export function inStep(track, now) {
  const begun = track ? begin(track, stepOf(track.status)) : null;
  return begun === null ? 0 : Math.max(0, (now - begun) / 1000);
}

function eased(ratio) {
  return ratio < 0.8 ? ratio : 1 - 0.2 * Math.exp(-(ratio - 0.8) / 0.8);
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
