// Joins this visit's uploads with the session's tracks, and groups the versions of one picture.

export const STATUSES = [
  "awaiting_upload",
  "captioning",
  "captioned",
  "launching",
  "composing",
  "ready",
  "failed",
  "rejected",
  "cancelled",
];
const FINAL = new Set(STATUSES.slice(5));

/** Whether a status is final. */
export function isFinal(status) {
  return FINAL.has(status);
}

/** Whether a track is a download of another track, its stems or its loop, and not music of its own. */
export function isExport(track) {
  return Boolean(track.request?.export);
}

/**
 * @typedef {object} Item one upload or track, or both
 * @property {string} key the upload's key, otherwise the track's id; it stays the same when an upload becomes a track
 * @property {object | null} upload
 * @property {object | null} track
 */

/** Join uploads with their tracks: first uploads without a track, then tracks in their order. @returns {Item[]} */
export function joined(uploads, tracks) {
  const byTrack = new Map(uploads.filter(({ track }) => track).map((upload) => [upload.track, upload]));
  const known = new Set(tracks.map(({ track }) => track));
  const ahead = uploads.filter(({ track }) => !track || !known.has(track));
  return [
    ...ahead.map((upload) => ({ key: upload.key, upload, track: null })),
    ...tracks.map((track) => {
      const upload = byTrack.get(track.track) ?? null;
      return { key: upload?.key ?? track.track, upload, track };
    }),
  ];
}

/**
 * Group items by picture: `[{key, items, versions}]`, pictures in the order of their newest versions, newest first;
 * items oldest first. A group has the key of its oldest item, so a new version does not change it.
 * Each version is a list of one item, or of two takes, the first one first.
 */
export function pictures(items) {
  const groups = new Map();
  for (const item of items) {
    const picture = pictureOf(item.track) ?? item.key;
    if (groups.has(picture)) groups.get(picture).unshift(item);
    else groups.set(picture, [item]);
  }
  return [...groups.values()].map((items) => ({ key: items[0].key, items, versions: versionsOf(items) }));
}

function versionsOf(items) {
  const versions = new Map();
  for (const item of items) {
    const name = item.track?.request?.twinOf ?? item.track?.track ?? item.key;
    if (versions.has(name)) versions.get(name).push(item);
    else versions.set(name, [item]);
  }
  const isSecond = ({ track }) => Number(Boolean(track?.request?.twinOf));
  return [...versions.values()].map((takes) => takes.sort((a, b) => isSecond(a) - isSecond(b)));
}

/** Whether two takes of an item are wanted and the second one does not exist yet: it comes with the brief. */
export function awaitsTwin({ upload, track }) {
  const early = !track || STATUSES.indexOf(track.status) < STATUSES.indexOf("captioned");
  return early && (track?.request ?? upload?.wishes)?.takes === 2;
}

function pictureOf(track) {
  return track?.image?.object ? `${track.image.object}#${track.image.generation}` : null;
}

/** Find an item by its key or track id: `{item, picture}`, or null. */
export function found(groups, key) {
  for (const picture of groups) {
    const item = picture.items.find((one) => one.key === key || one.track?.track === key);
    if (item) return { item, picture };
  }
  return null;
}

/** Return a picture's newest version, of two takes the first one. */
export function newest(picture) {
  return picture.versions.at(-1)[0];
}

/** Return the status to show: a failed upload is `failed`, although its track still waits for it. */
export function statusOf({ upload, track }) {
  return upload?.problem ? "failed" : (track?.status ?? "awaiting_upload");
}

/** Whether a picture would be lost if the page were left: it is being sent, or waits for the network. */
export function isUnsent({ fraction, problem, waits }) {
  return waits || (problem === null && fraction !== 1);
}

/** Return which of two takes a track is, "A" or "B"; empty for music that was asked for alone. */
export function takeOf({ request }) {
  return request?.twinOf ? "B" : request?.takes === 2 ? "A" : "";
}

/** Return a title that says which of two takes it is, if both are among the tracks. */
export function takeTitle(title, { track, request }, tracks) {
  const isTwin = (one) => one.track === request?.twinOf || one.request?.twinOf === track;
  return tracks?.some(isTwin) ? `${title} ${request?.twinOf ? "B" : "A"}` : title;
}

/** Whether a track is liked; while a command for it runs, as it will be. */
export function isLiked(track, busy) {
  return { like: true, unlike: false }[busy[track?.track]] ?? track?.liked ?? false;
}

/** Return the token of a track's results, which a share link needs; null if there are none yet. */
export function resultsToken(track) {
  const url = track?.status === "ready" ? track.music?.url : null;
  return url ? url.split("/").at(-2) : null;
}

/** Return the URL of a result beside the music. */
export function resultUrl(musicUrl, name) {
  return musicUrl.replace(/[^/]*$/, name);
}
