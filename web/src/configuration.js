// What differs between one deployment and another: addresses, from a file beside the page.

let loaded = null;

/**
 * The configuration, read once; a failure is forgotten, so that it is asked for again.
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
