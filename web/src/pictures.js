// What a chosen file is, as far as its name and the browser tell; the captioner decides by decoding it.

const MAX_BYTES = 20_000_000;

const TYPES = {
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  jfif: "image/jpeg",
  png: "image/png",
  webp: "image/webp",
  gif: "image/gif",
  avif: "image/avif",
  heic: "image/heic",
  heif: "image/heif",
};
const ACCEPTED = new Set(Object.values(TYPES));

/** The type to announce, or null; browsers often give none for HEIC and AVIF, so the name counts too. */
export function contentType(file) {
  if (ACCEPTED.has(file.type)) return file.type;
  const extension = file.name.split(".").at(-1).toLowerCase();
  return TYPES[extension] ?? null;
}

/** The key of the text that says why a file is not worth uploading, or null. */
export function objection(file) {
  if (contentType(file) === null) return "picker.unsupported";
  if (file.size === 0) return "picker.empty";
  if (file.size > MAX_BYTES) return "picker.tooLarge";
  return null;
}
