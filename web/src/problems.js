// Error messages for people: the page's for problems that they can solve, otherwise the API's.
import { NetworkError, ProblemError } from "./api.js";
import { now } from "./clock.js";
import { moment } from "./format.js";
import { UnreadableError } from "./pictures.js";
import { text } from "./texts.js";

// The day ends at midnight UTC, which is a full quarter of an hour everywhere. An answer takes time, and clocks differ.
const FIVE_MINUTES = 300_000;

/** Whether the API, Cloud Storage or the network caused an error. */
export function isRefusal(error) {
  return error instanceof ProblemError || error instanceof NetworkError;
}

/**
 * Return the message for an error; `limit` is the text for the day's limit. Throws the error if neither the API, the
 * network nor the file caused it.
 */
export function problemWords(language, error, limit = "problems.limit_reached") {
  if (error instanceof NetworkError) return text(language, "notice.network");
  if (error instanceof UnreadableError) return text(language, "upload.gone");
  if (!(error instanceof ProblemError)) throw error;
  const until = closedUntil(error);
  if (until) return text(language, limit, { time: moment(language, until) });
  return text(language, `problems.${error.code}`, {}, error.message || text(language, "notice.server"));
}

/** Return when the day's limit ends, in the server's time, to five minutes; null for any other error. */
export function closedUntil(error) {
  if (error.code !== "limit_reached" || !error.retryAfter) return null;
  return Math.round((now() + error.retryAfter * 1000) / FIVE_MINUTES) * FIVE_MINUTES;
}
