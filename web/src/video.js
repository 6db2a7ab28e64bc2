// Makes a video of the music in memory: cover, title and a waveform that fills while it plays.
import { BufferTarget, EncodedAudioPacketSource, EncodedPacket, EncodedVideoPacketSource, Mp4OutputFormat, Output } from "mediabunny";
import { marked } from "./video-mark.js";
import { codecs, FRAMES_A_SECOND, SAMPLES_A_SECOND, SIZE } from "./video-support.js";
import { bars } from "./waveform.js";

const KEY_EVERY_SECONDS = 5;
const SAMPLES_AT_ONCE = SAMPLES_A_SECOND / 10;
const MAX_QUEUED = 8;
const EDGE = 48;
const BARS_SHOWN = 64;

/**
 * Make the video of a track's music: an MP4 as a Blob, marked by `sign` as in `marked`.
 * Throws if it is aborted, an encoder fails, or it cannot be marked.
 */
export async function film({ url, coverUrl, peaks, engine }, title, onFraction, signal, sign) {
  const { video, audio } = await codecs();
  const [sound, cover] = await Promise.all([soundOf(url, signal), coverOf(coverUrl, signal)]);
  const output = new Output({ format: new Mp4OutputFormat({ fastStart: "in-memory" }), target: new BufferTarget() });
  const pictures = new EncodedVideoPacketSource(video.name);
  const tones = new EncodedAudioPacketSource(audio.name);
  output.addVideoTrack(pictures, { frameRate: FRAMES_A_SECOND });
  output.addAudioTrack(tones);
  output.setMetadataTags({ title, artist: "musicgenerator", comment: `AI-generated: engine ${engine}` });
  await output.start();
  await encodeSound(sound, audio.config, tones, signal);
  tones.close();
  const draw = painter(cover, title, bars(peaks, BARS_SHOWN));
  await encodePictures(draw, sound.duration, video.config, pictures, onFraction, signal);
  pictures.close();
  await output.finalize();
  return new Blob([await marked(output.target.buffer, sign)], { type: "video/mp4" });
}

async function soundOf(url, signal) {
  const response = await fetch(url, { cache: "reload", signal });
  const context = new OfflineAudioContext(2, 1, SAMPLES_A_SECOND);
  return context.decodeAudioData(await response.arrayBuffer());
}

async function coverOf(url, signal) {
  const response = await fetch(url, { cache: "reload", signal });
  return createImageBitmap(await response.blob());
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

/** Return a function that draws the frame at a share of the music, from 0 to 1. */
function painter(cover, title, heights) {
  const { width, height } = SIZE;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const side = Math.min(cover.width, cover.height);
  const [left, top] = [(cover.width - side) / 2, (cover.height - side) / 2];
  const ground = new OffscreenCanvas(width, height);
  const under = ground.getContext("2d");
  under.drawImage(cover, left, top, side, side, 0, 0, width, height);
  const shade = under.createLinearGradient(0, height * 0.45, 0, height);
  shade.addColorStop(0, "rgb(0 0 0 / 0%)");
  shade.addColorStop(1, "rgb(0 0 0 / 78%)");
  under.fillStyle = shade;
  under.fillRect(0, 0, width, height);
  under.fillStyle = "white";
  under.font = "600 34px system-ui, sans-serif";
  under.fillText(shortened(under, title, width - 2 * EDGE), EDGE, height - 132);
  const step = (width - 2 * EDGE) / heights.length;
  return (played) => {
    context.drawImage(ground, 0, 0);
    context.lineWidth = step * 0.5;
    context.lineCap = "round";
    heights.forEach((peak, bar) => {
      context.strokeStyle = bar / heights.length < played ? "white" : "rgb(255 255 255 / 38%)";
      const x = EDGE + (bar + 0.5) * step;
      context.beginPath();
      context.moveTo(x, height - 76 - 30 * peak);
      context.lineTo(x, height - 76 + 30 * peak);
      context.stroke();
    });
    return canvas;
  };
}

function shortened(context, words, width) {
  let kept = words;
  while (kept && context.measureText(kept).width > width) kept = [...kept].slice(0, -1).join("");
  return kept === words ? words : `${kept.trimEnd()}…`;
}
