// Finds a picture's main colour, as hue and chroma of OKLCH.
// The page sets lightness itself, so text keeps its contrast with any picture.

const SIDE = 24;
// Limits that keep grey pictures visible and bright ones calm.
const CHROMA = [0.025, 0.085];

/** Return the main colour of a loaded image, `{hue, chroma}`, or null if its pixels may not be read. */
export function prevailingColour(image) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  try {
    context.drawImage(image, 0, 0, SIDE, SIDE);
    return prevailing(context.getImageData(0, 0, SIDE, SIDE).data);
  } catch {
    return null;
  }
}

/** Set the colour of an element and its content; null removes it. */
export function tint(element, colour) {
  if (colour === null) {
    for (const name of ["--hue", "--chroma"]) element.style.removeProperty(name);
    return;
  }
  element.style.setProperty("--hue", String(colour.hue));
  element.style.setProperty("--chroma", String(Math.min(CHROMA[1], Math.max(CHROMA[0], colour.chroma))));
}

/** Return the mean of RGBA pixels in OKLab, weighted by their chroma. */
export function prevailing(pixels) {
  let a = 0;
  let b = 0;
  let weight = 1e-6;
  for (let at = 0; at < pixels.length; at += 4) {
    const lab = oklab(pixels[at], pixels[at + 1], pixels[at + 2]);
    const strength = Math.hypot(lab.a, lab.b);
    a += lab.a * strength;
    b += lab.b * strength;
    weight += strength;
  }
  const hue = (Math.atan2(b, a) * 180) / Math.PI;
  return { hue: Math.round((hue + 360) % 360), chroma: Math.hypot(a, b) / weight };
}

function oklab(red, green, blue) {
  const [r, g, b] = [red, green, blue].map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return {
    a: 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    b: 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  };
}
