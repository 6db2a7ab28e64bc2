// The offline shell: the page opens without a network and says so; what is live is never answered from here.
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

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (url.pathname.includes("/assets/")) event.respondWith(keptFirst(request));
  else if (request.mode === "navigate" || url.pathname.endsWith("/config.json")) event.respondWith(freshFirst(request));
});

/** What carries its hash never changes. */
async function keptFirst(request) {
  return (await caches.match(request)) ?? fetch(request);
}

/** A new version is seen at once; without a network the one that was kept. */
async function freshFirst(request) {
  const cache = await caches.open(NAME);
  try {
    const answer = await fetch(request);
    if (answer.ok) await cache.put(request.url.replace(/[?#].*/, ""), answer.clone());
    return answer;
  } catch (error) {
    // A bucket answers no folder, so the shell has the document by its name alone.
    const name = request.url.replace(/[?#].*/, "").replace(/\/$/, "/index.html");
    const kept = await cache.match(name);
    if (kept) return kept;
    throw error;
  }
}
