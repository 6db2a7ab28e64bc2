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
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Storage is switched off or full: the value in memory serves this visit.
  }
}
