// Judges a chosen file by its first bytes, as the captioner does: names and the browser's types are often wrong.

const MAX_BYTES = 20_000_000;
const HEAD_BYTES = 64;
const BEGINNINGS = [
  [/^\xff\xd8\xff/, "image/jpeg"],
  [/^\x89PNG\r\n\x1a\n/, "image/png"],
  [/^GIF8[79]a/, "image/gif"],
  [/^RIFF[^]{4}WEBP/, "image/webp"],
];
// The brands in the first box of an ISO media file; the general ones come last.
const BRANDS = [
  [["avif", "avis"], "image/avif"],
  [["heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"], "image/heic"],
  [["mif1", "mif2", "msf1"], "image/heif"],
];

/** The file changed or vanished after it was chosen, or the browser may no longer read it. */
export class UnreadableError extends Error {
  name = "UnreadableError";
}

/** Return the content type that a file's first bytes show, or null if they are no picture's that the captioner reads. */
export function contentType(bytes) {
  const head = String.fromCharCode(...bytes.subarray(0, HEAD_BYTES));
  const found = BEGINNINGS.find(([beginning]) => beginning.test(head));
  if (found) return found[1];
  if (head.slice(4, 8) !== "ftyp") return null;
  const end = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const brands = head.slice(8, end).match(/[^]{4}/g) ?? [];
  return BRANDS.find(([names]) => names.some((name) => brands.includes(name)))?.[1] ?? null;
}

/**
 * Judge a file: `{file, type, objection}`, its content type, or the key of the text that says why it is not uploaded.
 */
export async function judged(file) {
  if (file.size === 0) return { file, type: null, objection: "picker.empty" };
  try {
    const type = contentType(await bytesOf(file.slice(0, HEAD_BYTES)));
    if (type === null) return { file, type, objection: "picker.unsupported" };
    return { file, type, objection: file.size > MAX_BYTES ? "picker.tooLarge" : null };
  } catch {
    return { file, type: null, objection: "picker.unreadable" };
  }
}

/** Return a copy of a file in memory, which no longer changes; throw UnreadableError if the file has changed. */
export async function copied(file) {
  const bytes = await bytesOf(file).catch((error) => {
    throw new UnreadableError(error.message);
  });
  // Not every browser notices that a file has changed.
  if (bytes.length !== file.size) throw new UnreadableError("size");
  return new File([bytes], file.name);
}

async function bytesOf(blob) {
  return new Uint8Array(await blob.arrayBuffer());
}
