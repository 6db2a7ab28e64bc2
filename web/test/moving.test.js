import assert from "node:assert/strict";
import { test } from "node:test";
import { claimed, offered, opened, seal } from "../src/moving.js";

const session = { session: "s" + "a2".repeat(13), secret: "k" + "b3".repeat(26), expiresAt: "2100-01-01T00:00:00Z" };

/** Seal anything, as a stranger's link may. */
async function sealedBy(value) {
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt"]);
  const iv = new Uint8Array(12);
  const text = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, new TextEncoder().encode(value)));
  const spell = (bytes) => Buffer.from(bytes).toString("base64url");
  return [spell([...iv, ...text]), spell(new Uint8Array(await crypto.subtle.exportKey("raw", key)))];
}

test("a sealed session opens with its key only, and says nothing without it", async () => {
  const { sealed, key } = await seal({ ...session, more: "is not sealed" });
  assert.match(sealed, /^[A-Za-z0-9_-]{64,1024}$/);
  assert.match(key, /^[A-Za-z0-9_-]{43}$/);
  assert.deepEqual(await opened(sealed, key), session);
  const plain = Buffer.from(sealed, "base64url").toString("latin1");
  assert.ok(!plain.includes(session.session) && !plain.includes(session.secret));
  const other = await seal(session);
  assert.notEqual(other.key, key);
  assert.equal(await opened(sealed, other.key), null);
  assert.equal(await opened(sealed.slice(0, -4) + "AAAA", key), null);
  assert.equal(await opened("", key), null);
  assert.equal(await opened(sealed, "short"), null);
});

test("what is sealed but is no session is refused", async () => {
  const made = { session: "../../x", secret: session.secret, expiresAt: "" };
  for (const value of ["no JSON", "null", "{}", JSON.stringify(made), JSON.stringify({ ...session, secret: 5 })]) {
    assert.equal(await opened(...(await sealedBy(value))), null, value);
  }
});

test("the key is in no request", async () => {
  const sent = [];
  const api = { send: async (...request) => (sent.push(JSON.stringify(request)), { code: "m", sealed: "s" }) };
  const { sealed, key } = await seal(session);
  await offered(api, session, sealed);
  await claimed(api, "m");
  assert.equal(sent.length, 2);
  for (const request of sent) assert.ok(!request.includes(key));
});
