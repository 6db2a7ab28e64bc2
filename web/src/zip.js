// Packs the music of many tracks into one ZIP, and saves it while it is made. One file at a time is in memory.
import { makeZip } from "client-zip";

/** The most bytes that a browser packs in memory, if it can save a file only as a whole. */
export const MAX_IN_MEMORY = 300_000_000;
const TYPE = "application/zip";
const ANSWERS_WITHIN_MILLISECONDS = 2_000;
const STAYS_AWAKE_MILLISECONDS = 10_000;

/** Not one file could be fetched. */
export class NothingError extends Error {
  name = "NothingError";
}

/** The music is larger than what this browser can pack; `bytes` is its size. */
export class TooLargeError extends Error {
  name = "TooLargeError";

  constructor(bytes) {
    super(`${bytes}`);
    this.bytes = bytes;
  }
}

/**
 * Ask where to save, and return a function that saves a stream there: `(stream, signal) => Promise`.
 * If the browser can save a file only as a whole, it has `isWhole`, and gives the file to `saveBlob(blob, name)`.
 * Rejects with an AbortError if the person cancels.
 */
export async function destination(name, saveBlob) {
  if ("showSaveFilePicker" in globalThis) {
    const types = [{ accept: { [TYPE]: [".zip"] } }];
    try {
      const file = await globalThis.showSaveFilePicker({ suggestedName: name, types });
      return (stream, signal) => intoFile(stream, file, signal);
    } catch (error) {
      // A press counts for a few seconds only: on a slow line they were over before this module was loaded.
      if (error.name !== "SecurityError") throw error;
    }
  }
  const worker = canTransfer() ? navigator.serviceWorker?.controller : null;
  if (worker && (await isAwake(worker))) return (stream, signal) => throughWorker(stream, name, worker, signal);
  const intoMemory = async (stream) => saveBlob(await new Response(stream, { headers: { "Content-Type": TYPE } }).blob(), name);
  return Object.assign(intoMemory, { isWhole: true });
}

/** Pack the music of tracks under these names and save it. Return the tracks that could not be fetched. */
export async function pack(tracks, names, save, onFile, signal) {
  const bytes = tracks.reduce((sum, { music }) => sum + (music.bytes ?? 0), 0);
  if (save.isWhole && bytes > MAX_IN_MEMORY) throw new TooLargeError(bytes);
  const missed = [];
  try {
    await save(makeZip(filesOf(tracks, names, { onFile, missed, signal })), signal);
  } catch (error) {
    // On its way through streams the error may have become another one.
    signal.throwIfAborted();
    throw missed.length === tracks.length ? new NothingError() : error;
  }
  return missed;
}

async function* filesOf(tracks, names, { onFile, missed, signal }) {
  for (const [place, track] of tracks.entries()) {
    onFile(place);
    const input = await fetched(track.music.url, signal);
    if (input) yield { name: names[place], input, lastModified: track.createdAt };
    else missed.push(track);
  }
  if (missed.length === tracks.length) throw new NothingError();
}

/** Return a whole file, because a ZIP cannot take back the beginning of a file that breaks off; null if it does. */
async function fetched(url, signal) {
  try {
    // The cache may hold only the parts of the file that the player has fetched.
    const response = await fetch(url, { cache: "reload", signal });
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
  } catch {
    signal.throwIfAborted();
    return null;
  }
}

async function intoFile(stream, file, signal) {
  const isNew = (await file.getFile()).size === 0;
  const target = await file.createWritable();
  try {
    // If this fails or is aborted, the browser drops what was written: a file that was there keeps its content.
    await stream.pipeTo(target, { signal });
  } catch (error) {
    if (isNew) await file.remove?.().catch(() => {});
    throw error;
  }
}

/** Let the service worker answer a navigation with the stream, which the browser saves as a download. */
async function throughWorker(stream, name, worker, signal) {
  const url = new URL(`download/${crypto.randomUUID()}`, document.baseURI).href;
  const headers = { "Content-Type": TYPE, "Content-Disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name)}` };
  const { readable, writable } = new TransformStream();
  // If the worker is gone, nobody reads any more, and only the signal ends this.
  const saved = stream.pipeTo(writable, { signal });
  saved.catch(() => {});
  // The browser would stop a worker that hears nothing for half a minute.
  const awake = setInterval(() => asked(worker).catch(() => {}), STAYS_AWAKE_MILLISECONDS);
  try {
    await asked(worker, [url, readable, { headers }], [readable]);
    const link = document.createElement("a");
    link.href = url;
    link.click();
    await saved;
  } finally {
    clearInterval(awake);
  }
}

function isAwake(worker) {
  return asked(worker).then(() => true, () => false);
}

/** Send the worker a message and wait for its answer; a worker of an older page has none. */
function asked(worker, message = null, transfer = []) {
  return new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = resolve;
    setTimeout(reject, ANSWERS_WITHIN_MILLISECONDS, new Error("no answer"));
    worker.postMessage(message, [port2, ...transfer]);
  });
}

function canTransfer() {
  try {
    const { readable } = new TransformStream();
    structuredClone(readable, { transfer: [readable] });
    return true;
  } catch {
    return false;
  }
}
