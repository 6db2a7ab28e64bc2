// The server's time, because a computer's clock may be days off.

// The header has whole seconds and is a little old; a clock that is about right is not corrected.
const MIN_MILLISECONDS_OFF = 30_000;

let ahead = 0;

/** Learn how far this computer's clock is ahead, from the `Date` of a response that has just arrived. */
export function learnTime(date) {
  const off = Date.now() - Date.parse(date);
  ahead = Math.abs(off) > MIN_MILLISECONDS_OFF ? off : 0;
}

/** Return the server's time, in milliseconds since 1970. */
export function now() {
  return Date.now() - ahead;
}
