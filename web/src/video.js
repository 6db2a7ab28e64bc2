// Makes a video of the music in memory: cover, title and a waveform that fills while it plays.
import { BufferTarget, EncodedAudioPacketSource, EncodedPacket, EncodedVideoPacketSource, Mp4OutputFormat, Output } from "mediabunny";
import { marked } from "./video-mark.js";
import { FRAMES_A_SECOND, SAMPLES_A_SECOND } from "./video-support.js";

const KEY_EVERY_SECONDS = 5;
const SAMPLES_AT_ONCE = SAMPLES_A_SECOND / 10;
const MAX_QUEUED = 8;

/**
 * Make the video of music: an MP4 as a Blob. `sound` is an AudioBuffer; `paint(size, seconds)` returns a function that
 * draws the canvas at a share of the music; the fourth parameter is one of the ways of `codecs`. `sign` marks it as in
 * `marked`.
 * Throws if it is aborted, an encoder fails, or it cannot be marked.
 */
export async function film(sound, { title, engine }, paint, { video, audio }, onFraction, signal, sign) {
  const output = new Output({ format: new Mp4OutputFormat({ fastStart: "in-memory" }), target: new BufferTarget() });
  const pictures = new EncodedVideoPacketSource(video.name);
  const tones = new EncodedAudioPacketSource(audio.name);
  output.addVideoTrack(pictures, { frameRate: FRAMES_A_SECOND });
  output.addAudioTrack(tones);
  output.setMetadataTags({ title, artist: "musicgenerator", comment: `AI-generated: engine ${engine}` });
  await output.start();
  await encodeSound(sound, audio.config, tones, signal);
  tones.close();
  const draw = paint(video.config, sound.duration);
  await encodePictures(draw, sound.duration, video.config, pictures, onFraction, signal);
  pictures.close();
  await output.finalize();
  return new Blob([await marked(output.target.buffer, sign)], { type: "video/mp4" });
}

/** Decode the music of a response. */
export async function soundOf(response) {
  const context = new OfflineAudioContext(2, 1, SAMPLES_A_SECOND);
  return context.decodeAudioData(await response.arrayBuffer());
}

/** Return an encoder that writes its packets to `source` in their order. */
function encoding(Encoder, config, source, signal) {
  let written = Promise.resolve();
  let failure = null;
  const encoder = new Encoder({
    output: (chunk, meta) => (written = written.then(() => source.add(EncodedPacket.fromEncodedChunk(chunk), meta))),
    error: (error) => (failure = error),
  });
  encoder.configure(config);
  return {
    async encode(data, options) {
      encoder.encode(data, options);
      data.close();
      while (encoder.encodeQueueSize > MAX_QUEUED) await new Promise((resolve) => setTimeout(resolve, 4));
      signal.throwIfAborted();
      if (failure) throw failure;
    },
    async finish() {
      await encoder.flush();
      await written;
      encoder.close();
    },
  };
}

async function encodeSound(sound, config, source, signal) {
  const encoder = encoding(AudioEncoder, config, source, signal);
  const channels = [0, 1].map((channel) => sound.getChannelData(Math.min(channel, sound.numberOfChannels - 1)));
  for (let at = 0; at < sound.length; at += SAMPLES_AT_ONCE) {
    const count = Math.min(SAMPLES_AT_ONCE, sound.length - at);
    const data = new Float32Array(2 * count);
    channels.forEach((samples, channel) => data.set(samples.subarray(at, at + count), channel * count));
    const settings = { format: "f32-planar", sampleRate: SAMPLES_A_SECOND, numberOfChannels: 2, numberOfFrames: count };
    await encoder.encode(new AudioData({ ...settings, timestamp: Math.round((at / SAMPLES_A_SECOND) * 1e6), data }));
  }
  await encoder.finish();
}

async function encodePictures(draw, seconds, config, source, onFraction, signal) {
  const encoder = encoding(VideoEncoder, config, source, signal);
  const frames = Math.ceil(seconds * FRAMES_A_SECOND);
  const duration = 1e6 / FRAMES_A_SECOND;
  for (let frame = 0; frame < frames; frame += 1) {
    const canvas = draw(frame / frames);
    const picture = new VideoFrame(canvas, { timestamp: Math.round(frame * duration), duration: Math.round(duration) });
    await encoder.encode(picture, { keyFrame: frame % (KEY_EVERY_SECONDS * FRAMES_A_SECOND) === 0 });
    onFraction(frame / frames);
  }
  await encoder.finish();
}
