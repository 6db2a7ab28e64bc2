// What the list shows: the uploads of this visit and the session's tracks, joined.

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

/** Join uploads to their tracks, `[{key, upload, track}]`, those without a track first, then as the tracks come. */
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

/** How far along a track is, from 0 to 5; the upload is the first fifth. */
export function progress(upload, track) {
  const status = track?.status ?? "awaiting_upload";
  if (status === "awaiting_upload") return upload?.fraction ?? 0;
  return Math.min(STATUSES.indexOf(status), 5);
}

/** How long the way took, or has taken so far, in milliseconds; null while it has not begun. */
export function elapsed(track, now) {
  if (!track?.createdAt) return null;
  return (isFinal(track.status) ? (track.timeline?.[track.status] ?? track.updatedAt) : now) - track.createdAt;
}
