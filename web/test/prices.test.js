import assert from "node:assert/strict";
import { test } from "node:test";
import { dollars } from "../src/prices.js";

test("a price has two digits for cents, and a third one only below ten cents", () => {
  assert.deepEqual([0.1, 0.041, 0.04, 0.08, 1.5, 0].map((usd) => dollars("en", usd)), ["$0.10", "$0.041", "$0.04", "$0.08", "$1.50", "$0.00"]);
  assert.deepEqual([0.1, 0.041].map((usd) => dollars("ko", usd)), ["US$0.10", "US$0.041"]);
});
