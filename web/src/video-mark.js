// Marks an MP4 with content credentials (C2PA): the API signs the box for the video's hash.
// The video itself stays here, and the key stays there.

const BOX_BYTES = 16_384;
const UUID = "uuid";
// C2PA's BMFF hash leaves these top-level boxes out.
const UNHASHED = new Set(["ftyp", "mfra", "free", "skip"]);
// The boxes on the way to the tables of places in the file.
const PARENTS = new Set(["moov", "trak", "mdia", "minf", "stbl"]);

/**
 * Return an MP4 with its mark: `sign` gets the hash as hexadecimal digits and resolves to the box in base64, or to null
 * if the operator marks nothing. Throws what `sign` throws.
 */
export async function marked(buffer, sign) {
  const bytes = new Uint8Array(buffer);
  const first = boxes(bytes)[0];
  if (first?.type !== "ftyp") throw new Error("not an MP4");
  const file = new Uint8Array(bytes.length + BOX_BYTES);
  file.set(bytes.subarray(0, first.end));
  file.set(bytes.subarray(first.end), first.end + BOX_BYTES);
  const view = new DataView(file.buffer);
  view.setUint32(first.end, BOX_BYTES);
  file.set(new TextEncoder().encode(UUID), first.end + 4);
  move(file, view, 0, file.length);
  const box = await sign(await hashOf(file));
  if (!box) return buffer;
  const mark = Uint8Array.from(atob(box), (letter) => letter.charCodeAt(0));
  if (mark.length !== BOX_BYTES) throw new Error("a mark of another length");
  file.set(mark, first.end);
  return file.buffer;
}

/** Return the boxes between two places: type, start, content and end. */
function boxes(file, start = 0, end = file.length) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const found = [];
  for (let at = start; at + 8 <= end; ) {
    const type = String.fromCharCode(...file.subarray(at + 4, at + 8));
    let [size, header] = [view.getUint32(at), 8];
    if (size === 1) [size, header] = [Number(view.getBigUint64(at + 8)), 16];
    if (size === 0) size = end - at;
    if (size < header || at + size > end) throw new Error("a broken box");
    found.push({ type, start: at, content: at + header, end: at + size });
    at += size;
  }
  return found;
}

/** Add the hole to all places in the file that the MP4's tables name; all are behind it. */
function move(file, view, start, end) {
  for (const { type, content, end: last } of boxes(file, start, end)) {
    if (PARENTS.has(type)) move(file, view, content, last);
    // Version and flags, the number of places, then the places.
    if (type === "stco") for (let at = content + 8; at < last; at += 4) view.setUint32(at, view.getUint32(at) + BOX_BYTES);
    if (type === "co64") {
      for (let at = content + 8; at < last; at += 8) view.setBigUint64(at, view.getBigUint64(at) + BigInt(BOX_BYTES));
    }
  }
}

/** Return C2PA's BMFF hash (version 3): each box after its place in the file as eight bytes. */
async function hashOf(file) {
  const hashed = boxes(file).filter(({ type }) => !UNHASHED.has(type) && type !== UUID);
  const bytes = new Uint8Array(hashed.reduce((length, { start, end }) => length + 8 + end - start, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { start, end } of hashed) {
    view.setBigUint64(at, BigInt(start));
    bytes.set(file.subarray(start, end), at + 8);
    at += 8 + end - start;
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
