import assert from "node:assert/strict";
import { test } from "node:test";
import { prevailing } from "../src/colours.js";
import { bars, waveform } from "../src/waveform.js";

test("each bar is as loud as the loudest of its peaks", () => {
  assert.deepEqual(bars([0.1, 0.5, 0.9, 0.2], 2), [0.5, 0.9]);
});

test("fewer peaks than bars are repeated, and silence has visible bars", () => {
  assert.deepEqual(bars([0.3, 0.6], 4), [0.3, 0.3, 0.6, 0.6]);
  assert.deepEqual(bars([0, 0], 2), [0.04, 0.04]);
  assert.deepEqual(bars(undefined, 2), [0.04, 0.04]);
});

test("the path has one vertical line per bar", () => {
  assert.equal(waveform([1, 0.5], 2), "M0.5 6V94M1.5 28V72");
});

test("the prevailing hue of a picture is that of its strongest colour", () => {
  const pixels = [...Array(8).fill([128, 128, 128, 255]), [220, 30, 30, 255], [200, 40, 40, 255]].flat();
  const { hue, chroma } = prevailing(pixels);
  assert.ok(hue > 15 && hue < 40, `${hue}`);
  assert.ok(chroma > 0.1);
  assert.ok(prevailing([90, 90, 90, 255]).chroma < 0.001);
});
