// The session and the language, kept by the browser; where it keeps nothing, they last as long as the visit.

const memory = new Map();

/** The value kept under a name, or null. */
export function recall(name) {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? memory.get(name) ?? null;
  } catch {
    return memory.get(name) ?? null;
  }
}

/** Keep a value that JSON can hold; null forgets it. */
export function keep(name, value) {
  memory.set(name, value);
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Storage is switched off or full: the value in memory serves this visit.
  }
}

/** Call `act(value)` when another tab keeps another value under this name. */
export function whenKeptElsewhere(name, act) {
  addEventListener("storage", (event) => {
    // A null key means that everything was cleared.
    if (event.key !== name && event.key !== null) return;
    memory.delete(name);
    act(recall(name));
  });
}

/** Do something that only one tab of this browser may do at a time; where tabs cannot agree, each does it. */
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
    // Where storage is blocked, locks are as well.
    if (begun) throw error;
    return begin();
  }
}
