// Finds out which video this browser can encode, without loading the encoder's code.

export const SIZE = { width: 720, height: 720 };
export const FRAMES_A_SECOND = 24;
export const SAMPLES_A_SECOND = 48_000;
const VIDEO_BITS = 1_200_000;
const AUDIO_BITS = 160_000;

// The codec that most devices play comes first; the names are those of the container.
const VIDEO = [
  ["avc", "avc1.42001f"],
  ["vp9", "vp09.00.31.08"],
  ["av1", "av01.0.04M.08"],
];
const AUDIO = [
  ["aac", "mp4a.40.2"],
  ["opus", "opus"],
];

/** Return the first codecs that can be encoded, `{video, audio}` with name and configuration, or null. */
export async function codecs() {
  if (typeof VideoEncoder === "undefined" || typeof AudioEncoder === "undefined") return null;
  const video = await first(VIDEO, VideoEncoder, { ...SIZE, bitrate: VIDEO_BITS, framerate: FRAMES_A_SECOND });
  const audio = await first(AUDIO, AudioEncoder, { sampleRate: SAMPLES_A_SECOND, numberOfChannels: 2, bitrate: AUDIO_BITS });
  return video && audio ? { video, audio } : null;
}

async function first(choices, encoder, settings) {
  for (const [name, codec] of choices) {
    const config = { codec, ...settings };
    const { supported } = await encoder.isConfigSupported(config).catch(() => ({ supported: false }));
    if (supported) return { name, config };
  }
  return null;
}
