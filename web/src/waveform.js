// Draws the peaks of the music as an SVG path: one vertical line for each bar, centred.

export const BARS = 72;
const LOWEST = 0.04;

/** Reduce peaks to `count` bars, each the loudest of its peaks. */
export function bars(peaks, count = BARS) {
  if (!peaks?.length) return Array(count).fill(LOWEST);
  return Array.from({ length: count }, (_, bar) => {
    const from = Math.floor((bar * peaks.length) / count);
    const to = Math.max(from + 1, Math.floor(((bar + 1) * peaks.length) / count));
    return Math.min(1, Math.max(LOWEST, ...peaks.slice(from, to)));
  });
}

/** Return the path's data in a box of `count` by 100. */
export function waveform(peaks, count = BARS) {
  return bars(peaks, count)
    .map((peak, bar) => `M${bar + 0.5} ${round(50 - 44 * peak)}V${round(50 + 44 * peak)}`)
    .join("");
}

function round(value) {
  return Math.round(value * 10) / 10;
}
