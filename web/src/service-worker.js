// The offline shell: the page opens without a network and says so. Live data is never answered from the cache.
/* global SHELL, VERSION */

const NAME = `shell ${VERSION}`;

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(NAME)
      .then((cache) => cache.addAll(SHELL))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== NAME).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

// Streams that a page makes, by the address at which the browser downloads them.
const downloads = {};

self.addEventListener("message", ({ data, ports: [port] }) => {
  if (data) downloads[data[0]] = new Response(data[1], data[2]);
  port.postMessage(0);
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const download = downloads[request.url];
  if (download) {
    delete downloads[request.url];
    event.respondWith(download);
    return;
  }
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (url.pathname.includes("/assets/")) event.respondWith(keptFirst(request));
  else if (request.mode === "navigate" || url.pathname.endsWith("/config.json")) event.respondWith(freshFirst(request));
});

/** Answer from the cache first: a file with a hash in its name never changes. */
async function keptFirst(request) {
  return (await caches.match(request)) ?? fetch(request);
}

/** Answer from the network first, so a new version shows at once; offline, from the cache. */
async function freshFirst(request) {
  const cache = await caches.open(NAME);
  try {
    const answer = await fetch(request);
    if (answer.ok) await cache.put(request.url.replace(/[?#].*/, ""), answer.clone());
    return answer;
  } catch (error) {
    // A bucket serves no folder index, so the cache has the document by its file name.
    const name = request.url.replace(/[?#].*/, "").replace(/\/$/, "/index.html");
    const kept = await cache.match(name);
    if (kept) return undated(kept);
    throw error;
  }
}

/** Return an answer without its date, from which the page would learn the time. */
function undated(kept) {
  const answer = new Response(kept.body, kept);
  answer.headers.delete("Date");
  return answer;
}
