import assert from "node:assert/strict";
import { test } from "node:test";
import { inStep, newSketches, outlook, outlookBefore, seconds, stepOf, usualFor, usualSeconds, usualWith } from "../src/estimates.js";

const done = (composing, attempt = 1) => ({
  status: "ready",
  attempt,
  timeline: { awaiting_upload: 0, captioning: 1_000, captioned: 3_000, launching: 4_000, composing: 5_000, ready: 5_000 + composing },
});

test("the usual time of a step is the median of the session's tracks", () => {
  const usual = usualSeconds([done(10_000), done(30_000), done(14_000)]);
  assert.deepEqual(usual.composing, { seconds: 14, known: true });
  assert.deepEqual(usual.reading, { seconds: 2, known: true });
  assert.deepEqual(usual.preparing, { seconds: 2, known: true });
});

test("without finished tracks, times come from the configuration, otherwise from a cautious guess", () => {
  const usual = usualSeconds(null, { composing: 12 });
  assert.deepEqual(usual.composing, { seconds: 12, known: false });
  assert.deepEqual(usual.reading, { seconds: 6, known: false });
});

test("one track is too few, and a track with several attempts does not count", () => {
  assert.equal(usualSeconds([done(10_000), done(10_000, 2)]).composing.known, false);
});

test("another version has no upload time", () => {
  const version = { status: "ready", timeline: { captioned: 1_000, launching: 1_500, composing: 2_000, ready: 9_000 } };
  assert.equal(seconds(version, 0), null);
  assert.equal(seconds(version, 2), 1);
  assert.equal(seconds(version, 3), 7);
});

test("a timeline that runs backwards is ignored", () => {
  assert.equal(seconds({ status: "failed", timeline: { composing: 9_000, failed: 5_000 } }, 3), null);
});

test("progress follows the upload, then the clock, and never exceeds 1", () => {
  const usual = usualSeconds(null, { upload: 10, reading: 10, preparing: 10, composing: 10 });
  assert.equal(outlook({ upload: { fraction: 0.5 }, track: null }, usual, 0).fraction, 0.125);
  const composing = { status: "composing", timeline: { composing: 0 } };
  assert.deepEqual(outlook({ upload: null, track: composing }, usual, 5_000), { fraction: 0.875, left: 5, late: false });
  const late = outlook({ upload: null, track: composing }, usual, 600_000);
  assert.ok(late.fraction > 0.99 && late.fraction <= 1);
  assert.equal(late.late, true);
  assert.equal(outlook({ upload: null, track: done(1) }, usual, 0).fraction, 1);
});

test("the time in a step is never negative, even if the clocks differ", () => {
  assert.equal(inStep({ status: "composing", timeline: { composing: 5_000 } }, 3_000), 0);
});

test("every status has a step", () => {
  assert.deepEqual(["awaiting_upload", "captioning", "captioned", "launching", "composing", "ready"].map(stepOf), [0, 1, 2, 2, 3, 4]);
});

test("before a picture is chosen, the configuration says how long it usually takes", () => {
  const configured = { upload: 1, reading: 2, preparing: 3, composing: 100, sketch: 4 };
  assert.deepEqual(outlookBefore(null, configured, { durationSeconds: 30 }), { sketch: 7, music: 106 });
  assert.equal(outlookBefore([], { ...configured, sketch: null }, { durationSeconds: 30 }).sketch, null);
});

test("the session's tracks of the same length say it better", () => {
  const past = (durationSeconds, composing) => ({
    status: "ready",
    attempt: 1,
    request: { durationSeconds },
    timeline: { awaiting_upload: 0, captioning: 1_000, captioned: 3_000, launching: 3_000, composing: 4_000, ready: 4_000 + composing },
  });
  const tracks = [past(30, 10_000), past(30, 10_000), past(180, 60_000), past(180, 60_000)];
  assert.deepEqual(outlookBefore(tracks, { sketch: 4 }, { durationSeconds: 30 }), { sketch: 7, music: 14 });
  assert.deepEqual(outlookBefore(tracks, { sketch: 4 }, { durationSeconds: 180 }), { sketch: 7, music: 64 });
  assert.equal(outlookBefore(tracks, { sketch: 4 }, { durationSeconds: 60 }).music, 39);
});

test("only tracks of the same engine say how long a request takes", () => {
  const past = (engine, composing) => ({ ...done(composing), request: { durationSeconds: 30, engine } });
  const tracks = [past(null, 10_000), past(null, 10_000), past("lyria-002", 90_000), past("lyria-002", 90_000)];
  assert.equal(usualFor(tracks, {}, { durationSeconds: 30 }).composing.seconds, 10);
  assert.equal(usualFor(tracks, {}, { durationSeconds: 30, engine: "lyria-002" }).composing.seconds, 90);
  assert.equal(usualFor(tracks, { composing: 70 }, { durationSeconds: 30, engine: "endpoint" }).composing.seconds, 70);
  assert.equal(outlookBefore(tracks, { sketch: 4 }, { durationSeconds: 30 }).music, 15);
});

test("the sketches of this visit say how long the first sound takes", () => {
  const configured = { upload: 1, reading: 2, preparing: 3, composing: 100, sketch: 4 };
  assert.equal(outlookBefore([], configured, { durationSeconds: 30 }, [9]).sketch, 7);
  assert.equal(outlookBefore([], configured, { durationSeconds: 30 }, [9, 11]).sketch, 13);
  assert.equal(outlookBefore([], { ...configured, sketch: null }, { durationSeconds: 30 }, [9, 11]).sketch, null);
});

test("a sketch counts once, when it comes, and not for a later attempt", () => {
  const track = { track: "t1", attempt: 1, status: "composing", sketch: null, timeline: { captioned: 1_000 }, updatedAt: 2_000 };
  const sketched = { ...track, sketch: {}, updatedAt: 4_000 };
  assert.deepEqual(newSketches([track], [sketched]), [3]);
  assert.deepEqual(newSketches([sketched], [sketched]), []);
  assert.deepEqual(newSketches(null, [sketched]), []);
  assert.deepEqual(newSketches([track], [{ ...sketched, attempt: 2 }]), []);
});

test("a sketch that is first seen with its music says nothing about when it came", () => {
  const track = { track: "t1", attempt: 1, status: "composing", sketch: null, timeline: { captioned: 1_000 }, updatedAt: 2_000 };
  assert.deepEqual(newSketches([track], [{ ...track, status: "ready", sketch: {}, updatedAt: 7_200_000 }]), []);
});

test("a chosen engine has its own usual time", () => {
  const engines = [{ name: "composer", usualSeconds: 150 }, { name: "lyria-3-pro", usualSeconds: 60 }];
  const configured = { upload: 1, composing: 150 };
  assert.deepEqual(usualWith(configured, engines, "lyria-3-pro"), { upload: 1, composing: 60 });
  assert.equal(usualWith(configured, engines, undefined), configured);
  assert.equal(usualWith(configured, [], "lyria-002"), configured);
});
