import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { ProblemError } from "../src/api.js";
import { learnTime, now } from "../src/clock.js";
import { closedUntil } from "../src/problems.js";

const TRUE_TIME = Date.parse("2026-11-28T12:00:00Z");
const DAY = 86_400_000;

function clockIsAhead(milliseconds) {
  mock.timers.enable({ apis: ["Date"], now: TRUE_TIME + milliseconds });
  learnTime(new Date(TRUE_TIME).toUTCString());
}

afterEach(() => mock.timers.reset());

for (const days of [-400, -3, 0, 3, 400]) {
  test(`a clock that is ${days} days ahead changes nothing`, () => {
    clockIsAhead(days * DAY);
    assert.equal(now(), TRUE_TIME);
    const limit = new ProblemError(429, { code: "limit_reached" }, 3600);
    assert.equal(closedUntil(limit), TRUE_TIME + 3_600_000);
  });
}

test("a clock that is about right is not corrected, and an answer without a date corrects nothing", () => {
  clockIsAhead(20_000);
  assert.equal(now(), TRUE_TIME + 20_000);
  learnTime(null);
  assert.equal(now(), TRUE_TIME + 20_000);
});
