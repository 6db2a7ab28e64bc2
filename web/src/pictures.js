// Checks a chosen file by its name and the browser's type. The captioner decides later, by decoding it.

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

/** Return the content type to announce, or null. Browsers often know none for HEIC and AVIF, so the name counts, too. */
export function contentType(file) {
  if (ACCEPTED.has(file.type)) return file.type;
  const extension = file.name.split(".").at(-1).toLowerCase();
  return TYPES[extension] ?? null;
}

/** Return the key of the text that says why a file cannot be uploaded, or null. */
export function objection(file) {
  if (contentType(file) === null) return "picker.unsupported";
  if (file.size === 0) return "picker.empty";
  if (file.size > MAX_BYTES) return "picker.tooLarge";
  return null;
}
