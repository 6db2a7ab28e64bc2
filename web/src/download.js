// Saving a file of another origin under a name of our own: a link's `download` works for the same origin only.

/** Fetch a file and save it; where that is not allowed, let the browser show it. Throws where there is no such file. */
export async function download(url, name) {
  // The player has fetched the file in pieces: those, if kept, would not do.
  const response = await fetch(url, { cache: "reload" }).catch(() => null);
  if (response === null) open(url, "_blank", "noopener");
  else if (response.ok) save(await response.blob(), name);
  else throw new Error(`${response.status}`);
}

/** Save what is in memory. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has taken the blob over by the time that the link's click has been handled.
  setTimeout(() => URL.revokeObjectURL(link.href));
}
