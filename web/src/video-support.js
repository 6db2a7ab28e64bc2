// Finds out which videos this browser can encode, without loading the encoder's code.

export const FRAMES_A_SECOND = 24;
export const SAMPLES_A_SECOND = 48_000;
const AUDIO_BITS = 160_000;
const BITS_A_PIXEL = 0.075;

/** The shapes, each as its width and height in units of its shorter side. */
const SHAPES = { square: [1, 1], tall: [1, 16 / 9], wide: [16 / 9, 1] };

// The codec that most devices play comes first; the names are those of the container, then the level for a shorter side.
const VIDEO = {
  1080: [["avc", "avc1.640028"], ["avc", "avc1.420028"], ["vp9", "vp09.00.40.08"], ["av1", "av01.0.08M.08"]],
  720: [["avc", "avc1.42001f"], ["vp9", "vp09.00.31.08"], ["av1", "av01.0.05M.08"]],
};
export const SIDES = [1080, 720];
const AUDIO = [
  ["aac", "mp4a.40.2"],
  ["opus", "opus"],
];

/** Return the pixels of a shape with this shorter side. */
export function sizeOf(shape, side) {
  const [width, height] = SHAPES[shape].map((units) => Math.round(units * side));
  return { width, height };
}

/**
 * Return how a shape can be encoded, with its largest side of `sides`: `{side, video, audio}` with names and
 * configurations, or null.
 */
export async function codecs(shape = "square", sides = SIDES) {
  if (typeof VideoEncoder === "undefined" || typeof AudioEncoder === "undefined") return null;
  const audio = await first(AUDIO, AudioEncoder, { sampleRate: SAMPLES_A_SECOND, numberOfChannels: 2, bitrate: AUDIO_BITS });
  if (!audio) return null;
  for (const side of sides) {
    const { width, height } = sizeOf(shape, side);
    const bitrate = Math.round(width * height * FRAMES_A_SECOND * BITS_A_PIXEL);
    const video = await first(VIDEO[side], VideoEncoder, { width, height, bitrate, framerate: FRAMES_A_SECOND });
    if (video) return { side, video, audio };
  }
  return null;
}

async function first(choices, encoder, settings) {
  for (const [name, codec] of choices) {
    const config = { codec, ...settings };
    const { supported } = await encoder.isConfigSupported(config).catch(() => ({ supported: false }));
    if (supported) return { name, config };
  }
  return null;
}
