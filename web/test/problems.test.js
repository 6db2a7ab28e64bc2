import assert from "node:assert/strict";
import { test } from "node:test";
import { ProblemError } from "../src/api.js";
import { closedUntil, problemWords } from "../src/problems.js";
import "./words.js";

const limit = (seconds) => new ProblemError(429, { code: "limit_reached" }, seconds);

test("every refusal of a day names the same end, however late it arrives and however it was rounded", (context) => {
  const midnight = Date.parse("2026-11-30T00:00:00Z");
  context.mock.timers.enable({ apis: ["Date"] });
  for (const [left, header] of [[7_200_000, 7200], [7_199_600, 7200], [7_198_900, 7200], [7_170_000, 7200], [3_600_400, 3600]]) {
    context.mock.timers.setTime(midnight - left);
    assert.equal(closedUntil(limit(header)), midnight, `${left}`);
  }
  const words = ["picker.closed", "problems.limit_reached"].map((key) => problemWords("en", limit(3601), key));
  for (const said of words) assert.doesNotMatch(said, /:01/);
});

test("only the limit of a day closes the page", () => {
  assert.equal(closedUntil(new ProblemError(503, { code: "unavailable" }, 60)), null);
  assert.equal(closedUntil(limit(null)), null);
});
