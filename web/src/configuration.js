// What differs between deployments, from config.json beside the page.

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
  const response = await fetch("config.json");
  if (!response.ok) throw new TypeError(response.statusText);
  return response.json();
}
