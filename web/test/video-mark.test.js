import assert from "node:assert/strict";
import { test } from "node:test";
import * as mediabunny from "mediabunny";
import { marked } from "../src/video-mark.js";

const BOX_BYTES = 16_384;

/** Return a small MP4 with packets of sound; with `fastStart`, its tables come before what they describe. */
async function video(fastStart) {
  const output = new mediabunny.Output({
    format: new mediabunny.Mp4OutputFormat({ fastStart }),
    target: new mediabunny.BufferTarget(),
  });
  const tones = new mediabunny.EncodedAudioPacketSource("opus");
  output.addAudioTrack(tones);
  await output.start();
  const meta = { decoderConfig: { codec: "opus", sampleRate: 48_000, numberOfChannels: 2 } };
  for (let at = 0; at < 100; at += 1) {
    await tones.add(new mediabunny.EncodedPacket(new Uint8Array(200).fill(at), "key", at / 50, 1 / 50), meta);
  }
  tones.close();
  await output.finalize();
  return output.target.buffer;
}

/** Return the first byte of each packet, as another program would read it. */
async function packets(buffer) {
  const input = new mediabunny.Input({ source: new mediabunny.BufferSource(buffer), formats: mediabunny.ALL_FORMATS });
  const track = await input.getPrimaryAudioTrack();
  const found = [];
  for await (const packet of new mediabunny.EncodedPacketSink(track).packets()) found.push(packet.data[0]);
  return found;
}

for (const fastStart of ["in-memory", false]) {
  test(`a marked MP4 has the same packets, with its tables ${fastStart ? "first" : "last"}`, async () => {
    const plain = await video(fastStart);
    const box = new Uint8Array(BOX_BYTES).fill(7);
    new DataView(box.buffer).setUint32(0, BOX_BYTES);
    box.set(new TextEncoder().encode("uuid"), 4);
    let hash = "";
    const file = await marked(plain, async (sha256) => {
      hash = sha256;
      return Buffer.from(box).toString("base64");
    });
    assert.match(hash, /^[0-9a-f]{64}$/);
    assert.equal(file.byteLength, plain.byteLength + BOX_BYTES);
    assert.deepEqual(await packets(file), await packets(plain));
    assert.equal((await packets(file)).length, 100);
  });
}

test("without a signer the file stays as it is", async () => {
  const plain = await video("in-memory");
  assert.equal(await marked(plain, async () => null), plain);
});

test("what cannot be signed is not saved", async () => {
  await assert.rejects(marked(await video(false), () => Promise.reject(new Error("429"))), /429/);
  await assert.rejects(marked(await video(false), async () => btoa("short")), /length/);
  await assert.rejects(marked(new ArrayBuffer(100), async () => null));
});
