// The only address of a script that the page hands to the browser itself, let through by name.

const SERVICE_WORKER = "service-worker.js";

/** Keep the shell for visits without a network; where storage is blocked there is simply none. */
export async function keepShell() {
  if (!("serviceWorker" in navigator)) return;
  const rules = { createScriptURL: (url) => (url === SERVICE_WORKER ? url : "") };
  const policy = globalThis.trustedTypes?.createPolicy("musicgenerator", rules) ?? rules;
  try {
    await navigator.serviceWorker.register(policy.createScriptURL(SERVICE_WORKER));
  } catch {
    // Blocked by the browser's settings.
  }
}
