// Saving a file of another origin under a name of our own: a link's `download` works for the same origin only.

/** Fetch a file and save it; where that is not allowed, let the browser show it. */
export async function download(url, name) {
  const link = document.createElement("a");
  try {
    // The player has fetched the file without asking for permission to read it: that answer, if kept, would not do.
    const response = await fetch(url, { cache: "reload" });
    if (!response.ok) throw new TypeError(response.statusText);
    link.href = URL.createObjectURL(await response.blob());
    link.download = name;
  } catch {
    link.href = url;
    link.target = "_blank";
    link.rel = "noopener";
  }
  link.click();
  // The browser has taken the blob over by the time that the link's click has been handled.
  setTimeout(() => URL.revokeObjectURL(link.href));
}
