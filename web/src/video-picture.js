// Draws the pictures of a video: cover, title and a waveform that fills while the music plays, in three shapes.
import { clock } from "./format.js";
import { bars } from "./waveform.js";

const BARS_SHOWN = 64;
const LINES = 2;
// The background is the cover in so few pixels that nothing of it can be made out when it is enlarged.
const BLURRED_SIDE = 24;
const DIM = "rgb(255 255 255 / 38%)";
const SOFT = "rgb(255 255 255 / 82%)";

/**
 * Where things are, in units of the shorter side. The cover fits into its box, next to the texts; texts and waveform are below it or beside
 * it. The tall shape leaves room at the top and at the bottom, where apps put their own buttons.
 */
const LAYOUTS = {
  square: { box: null, left: 0.067, right: 0.933, title: 0.785, size: 0.05, wave: 0.9, reach: 0.034 },
  tall: { box: [0.08, 0.18, 0.84, 0.9], left: 0.08, right: 0.92, title: 1.25, size: 0.056, wave: 1.43, reach: 0.05 },
  wide: { box: [0.09, 0.12, 0.9, 0.76], left: 1.08, right: 1.69, title: 0.44, size: 0.062, wave: 0.62, reach: 0.06 },
};

/**
 * Break a text into lines between words, and inside a word that is too long for a line. `fits` says whether a text fits
 * into a line. What is too much ends with an ellipsis.
 */
export function lines(words, fits, count = LINES) {
  const broken = [];
  let rest = [...words.trim()];
  while (rest.length > 0 && broken.length < count) {
    let end = rest.length;
    while (end > 1 && !fits(rest.slice(0, end).join("").trimEnd())) end -= 1;
    const isWhole = end === rest.length || rest[end] === " ";
    const gap = rest.slice(0, end).lastIndexOf(" ");
    if (!isWhole && gap > 0) end = gap;
    broken.push(rest.slice(0, end).join("").trim());
    rest = [...rest.slice(end).join("").trimStart()];
  }
  if (rest.length === 0) return broken;
  let last = [...broken.pop(), " ", ...rest];
  while (last.length > 1 && !fits(`${last.join("").trimEnd()}…`)) last = last.slice(0, -1);
  return [...broken, `${last.join("").trimEnd()}…`];
}

/**
 * Return a function that draws the picture at a share of the music, from 0 to 1, on one canvas that it returns.
 * `cover` is an ImageBitmap, `words` a line below the title.
 */
export function painter({ width, height }, { cover, title, words, peaks, seconds }) {
  const unit = Math.min(width, height);
  const layout = LAYOUTS[width > height ? "wide" : width < height ? "tall" : "square"];
  const [canvas, context] = blank(width, height);
  const [ground, under] = blank(width, height);
  const [full, above] = blank(width, height);
  paintGround(under, cover, layout, unit);
  paintTitle(under, layout, unit, title, words);
  above.drawImage(ground, 0, 0);
  const heights = bars(peaks, BARS_SHOWN);
  paintBars(under, layout, unit, heights, DIM);
  paintBars(above, layout, unit, heights, "white");
  const [left, right] = [layout.left * unit, layout.right * unit];
  const top = (layout.wave - 2 * layout.reach) * unit;
  const size = 0.026 * unit;
  const baseline = (layout.wave + layout.reach + 0.035) * unit;
  return (played) => {
    context.drawImage(ground, 0, 0);
    const reached = Math.round((right - left) * played);
    if (reached > 0) context.drawImage(full, left, top, reached, baseline - top, left, top, reached, baseline - top);
    context.font = font(500, size);
    context.fillStyle = SOFT;
    context.textAlign = "left";
    context.fillText(clock(seconds * played), left, baseline);
    context.textAlign = "right";
    context.fillText(clock(seconds), right, baseline);
    return canvas;
  };
}

function paintGround(context, cover, { box }, unit) {
  const { width, height } = context.canvas;
  if (box === null) {
    fill(context, cover, width, height);
    shade(context, 0.35 * height, height, "rgb(0 0 0 / 80%)");
    return;
  }
  let [small, pen] = blank(BLURRED_SIDE, BLURRED_SIDE);
  fill(pen, cover, BLURRED_SIDE, BLURRED_SIDE);
  // Enlarged in steps, because one step would show the pixels' edges.
  for (let side = 2 * BLURRED_SIDE; side < unit / 2; side *= 2) {
    const [larger, next] = blank(side, side);
    next.drawImage(small, 0, 0, side, side);
    small = larger;
  }
  fill(context, small, width, height);
  context.fillStyle = "rgb(8 12 14 / 58%)";
  context.fillRect(0, 0, width, height);
  const [x, y, w, h] = box.map((share) => share * unit);
  const scale = Math.min(w / cover.width, h / cover.height);
  const [wide, tall] = [cover.width * scale, cover.height * scale];
  // In the tall shape the cover is right above the title, in the wide one in the middle of its box.
  const [from, down] = [x + (w - wide) / 2, height > width ? y + h - tall : y + (h - tall) / 2];
  context.save();
  context.shadowColor = "rgb(0 0 0 / 45%)";
  context.shadowBlur = 0.05 * unit;
  context.fillStyle = "rgb(0 0 0)";
  context.beginPath();
  context.roundRect(from, down, wide, tall, 0.03 * unit);
  context.fill();
  context.shadowColor = "transparent";
  context.clip();
  context.drawImage(cover, from, down, wide, tall);
  context.restore();
}

/** Draw the middle of a picture so that it fills a canvas. */
function fill(context, picture, width, height) {
  const scale = Math.max(width / picture.width, height / picture.height);
  const [w, h] = [picture.width * scale, picture.height * scale];
  context.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h);
}

function shade(context, top, bottom, colour) {
  const shadow = context.createLinearGradient(0, top, 0, bottom);
  shadow.addColorStop(0, "rgb(0 0 0 / 0%)");
  shadow.addColorStop(1, colour);
  context.fillStyle = shadow;
  context.fillRect(0, top, context.canvas.width, bottom - top);
}

/** The last line of the title keeps its place, so a second line goes above it. */
function paintTitle(context, { left, right, title: baseline, size }, unit, title, words) {
  const width = (right - left) * unit;
  context.font = font(650, size * unit);
  const broken = lines(title, (line) => context.measureText(line).width <= width);
  context.fillStyle = "white";
  broken.forEach((line, place) => {
    const up = (broken.length - 1 - place) * size * 1.3;
    context.fillText(line, left * unit, (baseline - up) * unit);
  });
  context.font = font(450, 0.03 * unit);
  context.fillStyle = SOFT;
  const [line = ""] = lines(words, (one) => context.measureText(one).width <= width, 1);
  context.fillText(line, left * unit, (baseline + 0.047) * unit);
}

function paintBars(context, { left, right, wave, reach }, unit, heights, colour) {
  const step = ((right - left) * unit) / heights.length;
  context.strokeStyle = colour;
  context.lineWidth = step * 0.5;
  context.lineCap = "round";
  context.beginPath();
  heights.forEach((peak, bar) => {
    const x = left * unit + (bar + 0.5) * step;
    context.moveTo(x, (wave - reach * peak) * unit);
    context.lineTo(x, (wave + reach * peak) * unit);
  });
  context.stroke();
}

function blank(width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  return [canvas, context];
}

/** The page's own fonts, which have Korean letters. */
function font(weight, pixels) {
  return `${weight} ${Math.round(pixels)}px ${getComputedStyle(document.documentElement).fontFamily}`;
}
