// A failure as words for a person: ours for what they can put right, otherwise the API's own.
import { NetworkError, ProblemError } from "./api.js";
import { moment } from "./format.js";
import { text } from "./texts.js";

const MINUTE = 60_000;

/** The words of a failure; an error that is nobody's refusal is thrown on. */
export function problemWords(language, error) {
  if (error instanceof NetworkError) return text(language, "notice.network");
  if (!(error instanceof ProblemError)) throw error;
  const until = closedUntil(error);
  if (until) return text(language, "problems.limit_reached", { time: moment(language, until) });
  return text(language, `problems.${error.code}`, {}, error.message || text(language, "notice.server"));
}

/** When a limit of today ends, in milliseconds since 1970, at a full minute; null where the failure is another. */
export function closedUntil(error) {
  if (error.code !== "limit_reached" || !error.retryAfter) return null;
  return Math.ceil((Date.now() + error.retryAfter * 1000) / MINUTE) * MINUTE;
}
