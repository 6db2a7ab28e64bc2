// Saves a file of another origin under a chosen name. A link's `download` works for the same origin only.

/**
 * Fetch a file and save it; `button` has how much of it has arrived in `data-done`, and a second press does nothing.
 * If fetching is not allowed, open the file in a new tab. Throws if it does not exist, or breaks off.
 */
export async function download(url, name, { dataset }) {
  if (dataset.done) return;
  dataset.done = "…";
  try {
    // The cache may hold only the parts of the file that the player has fetched.
    const response = await fetch(url, { cache: "reload" }).catch(() => null);
    if (response === null) open(url, "_blank", "noopener");
    else if (response.ok) save(await whole(response, (percent) => (dataset.done = `${percent}%`)), name);
    else throw new Error(`${response.status}`);
  } finally {
    delete dataset.done;
  }
}

/** Return what a response has, and say on the way how many percent have arrived. */
function whole(response, onPart) {
  const length = Number(response.headers.get("Content-Length"));
  let bytes = 0;
  const counting = new TransformStream({
    transform(part, controller) {
      bytes += part.length;
      if (length) onPart(Math.min(100, Math.round((100 * bytes) / length)));
      controller.enqueue(part);
    },
  });
  const headers = { "Content-Type": response.headers.get("Content-Type") ?? "" };
  return new Response(response.body.pipeThrough(counting), { headers }).blob();
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
