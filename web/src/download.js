// Saves a file of another origin under a chosen name. A link's `download` works for the same origin only.

/** Fetch a file and save it. If fetching is not allowed, open it in a new tab. Throws if the file does not exist. */
export async function download(url, name) {
  // The cache may hold only the parts of the file that the player has fetched.
  const response = await fetch(url, { cache: "reload" }).catch(() => null);
  if (response === null) open(url, "_blank", "noopener");
  else if (response.ok) save(await response.blob(), name);
  else throw new Error(`${response.status}`);
}

/** Save a blob as a file. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser holds the blob itself once it has handled the link's click.
  setTimeout(() => URL.revokeObjectURL(link.href));
}
