// What is shown: the uploads of this visit and the session's tracks, joined, and the versions of one picture together.

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

/** Whether nothing follows a status. */
export function isFinal(status) {
  return FINAL.has(status);
}

/**
 * @typedef {object} Item one upload or track, or both
 * @property {string} key the upload's key, else the track's id: it stays while an upload becomes a track
 * @property {object | null} upload
 * @property {object | null} track
 */

/** Join uploads to their tracks, those without a track first, then as the tracks come. @returns {Item[]} */
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
 * Put the versions of one picture together: `[{key, items}]`, pictures newest first by their newest version,
 * each picture's versions oldest first. A group is called as its oldest item, so that a new version keeps the name.
 */
export function pictures(items) {
  const groups = new Map();
  for (const item of items) {
    const picture = pictureOf(item.track) ?? item.key;
    if (groups.has(picture)) groups.get(picture).unshift(item);
    else groups.set(picture, [item]);
  }
  return [...groups.values()].map((versions) => ({ key: versions[0].key, items: versions }));
}

function pictureOf(track) {
  return track?.image?.object ? `${track.image.object}#${track.image.generation}` : null;
}

/** The item of this key or track id among pictures, with its picture: `{item, picture}` or null. */
export function found(groups, key) {
  for (const picture of groups) {
    const item = picture.items.find((one) => one.key === key || one.track?.track === key);
    if (item) return { item, picture };
  }
  return null;
}

/** The item that stands for a picture: the newest version. */
export function newest(picture) {
  return picture.items.at(-1);
}

/** The status that is shown of an item: an upload that went wrong has failed, whatever its track waits for. */
export function statusOf({ upload, track }) {
  return upload?.problem ? "failed" : (track?.status ?? "awaiting_upload");
}

/** How long the way took, or has taken so far, in milliseconds; null while it has not begun. */
export function elapsed(track, now) {
  if (!track?.createdAt) return null;
  return (isFinal(track.status) ? (track.timeline?.[track.status] ?? track.updatedAt) : now) - track.createdAt;
}

/** The token of a track's results, by which they can be shared; null while there are none. */
export function resultsToken(track) {
  const url = track?.status === "ready" ? track.music?.url : null;
  return url ? url.split("/").at(-2) : null;
}

/** Where a result lies beside the music. */
export function resultUrl(musicUrl, name) {
  return musicUrl.replace(/[^/]*$/, name);
}

/** The file name of a picture that was dropped into the bucket; an announced upload's object name says nothing. */
export function droppedName(track) {
  const name = track?.image?.object;
  return name && !name.startsWith("uploads/") ? name.split("/").at(-1) : null;
}
