// What differs between deployments, from config.json beside the page.
import { learnTime } from "./clock.js";

let loaded = null;

/**
 * Return the configuration. It is read once; after a failure the next call reads it again.
 * @returns {Promise<{apiUrl: string, projectId: string, firestoreApiKey: string | null, resultsUrl: string}>}
 */
export function configuration() {
  loaded ??= load().catch((error) => {
    loaded = null;
    throw error;
  });
  return loaded;
}

async function load() {
  // An answer from the browser's cache would have an old date.
  const response = await fetch("config.json", { cache: "no-cache" });
  if (!response.ok) throw new TypeError(response.statusText);
  learnTime(response.headers.get("Date"));
  return response.json();
}
