// Keeps session and language in the browser's storage; if storage is blocked, in memory for this visit.

const memory = new Map();

/** Return the value that is kept under a name, or null. */
export function recall(name) {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? memory.get(name) ?? null;
  } catch {
    return memory.get(name) ?? null;
  }
}

/** Keep a JSON value; null removes it. */
export function keep(name, value) {
  memory.set(name, value);
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Storage is blocked or full: the value in memory lasts for this visit.
  }
}

/** Call `act(value)` when another tab keeps a new value under this name. */
export function whenKeptElsewhere(name, act) {
  addEventListener("storage", (event) => {
    // A null key means that everything was cleared.
    if (event.key !== name && event.key !== null) return;
    memory.delete(name);
    act(recall(name));
  });
}

/** Run something that only one tab may run at a time. Without the Web Locks API each tab runs it. */
export async function alone(name, act) {
  let begun = false;
  const begin = () => {
    begun = true;
    return act();
  };
  if (!globalThis.navigator?.locks) return begin();
  try {
    return await navigator.locks.request(name, begin);
  } catch (error) {
    // Browsers that block storage also block locks.
    if (begun) throw error;
    return begin();
  }
}
