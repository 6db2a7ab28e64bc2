// Error messages for people: the page's for problems that they can solve, otherwise the API's.
import { NetworkError, ProblemError } from "./api.js";
import { moment } from "./format.js";
import { text } from "./texts.js";

const MINUTE = 60_000;

/** Return the message for an error. Throws the error if neither the API nor the network caused it. */
export function problemWords(language, error) {
  if (error instanceof NetworkError) return text(language, "notice.network");
  if (!(error instanceof ProblemError)) throw error;
  const until = closedUntil(error);
  if (until) return text(language, "problems.limit_reached", { time: moment(language, until) });
  return text(language, `problems.${error.code}`, {}, error.message || text(language, "notice.server"));
}

/** Return when the day's limit ends, in milliseconds since 1970, at a full minute; null for any other error. */
export function closedUntil(error) {
  if (error.code !== "limit_reached" || !error.retryAfter) return null;
  return Math.ceil((Date.now() + error.retryAfter * 1000) / MINUTE) * MINUTE;
}
