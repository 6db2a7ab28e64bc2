// The page's one Trusted Types policy: it allows the service worker's URL and no other.

const SERVICE_WORKER = "service-worker.js";

/** Register the service worker that keeps the offline shell. Without storage there is no shell. */
export async function keepShell() {
  if (!("serviceWorker" in navigator)) return;
  const rules = { createScriptURL: (url) => (url === SERVICE_WORKER ? url : "") };
  const policy = globalThis.trustedTypes?.createPolicy("musicgenerator", rules) ?? rules;
  try {
    await navigator.serviceWorker.register(policy.createScriptURL(SERVICE_WORKER));
  } catch {
    // The browser's settings block it.
  }
}
