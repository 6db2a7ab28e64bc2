// Seals a session for another device. The server keeps the sealed text, and never gets the key.

const ALGORITHM = "AES-GCM";
const IV_BYTES = 12;
const SESSION = /^s[a-z2-7]{26}$/;
const SECRET = /^k[a-z2-7]{52}$/;

/** Seal a session with a new key. @returns {Promise<{sealed: string, key: string}>} both as base64url */
export async function seal({ session, secret, expiresAt }) {
  const key = await crypto.subtle.generateKey({ name: ALGORITHM, length: 256 }, true, ["encrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const words = new TextEncoder().encode(JSON.stringify({ session, secret, expiresAt }));
  const text = new Uint8Array(await crypto.subtle.encrypt({ name: ALGORITHM, iv }, key, words));
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", key));
  return { sealed: written([...iv, ...text]), key: written(raw) };
}

/** Return the session in a sealed text; null if the key does not fit, or if it is no session. */
export async function opened(sealed, key) {
  const bytes = read(sealed);
  try {
    const usable = await crypto.subtle.importKey("raw", read(key), ALGORITHM, false, ["decrypt"]);
    const iv = bytes.slice(0, IV_BYTES);
    const words = await crypto.subtle.decrypt({ name: ALGORITHM, iv }, usable, bytes.slice(IV_BYTES));
    const { session, secret, expiresAt } = JSON.parse(new TextDecoder().decode(words));
    // Anybody can make a link, so look at what is in it before it becomes a part of an address.
    return SESSION.test(session) && SECRET.test(secret) ? { session, secret, expiresAt: String(expiresAt) } : null;
  } catch {
    return null;
  }
}

/** Keep a sealed session for another device. @returns {Promise<{code: string, expiresAt: string}>} */
export function offered(api, { session, secret }, sealed) {
  return api.send("POST", `/v1/sessions/${session}:move`, { secret, body: { sealed } });
}

/** Receive what another device has sealed; the code works once. @returns {Promise<{sealed: string}>} */
export function claimed(api, code) {
  return api.send("POST", "/v1/moves:claim", { body: { code } });
}

/** Return the link that opens a session on another device. The fragment is not sent to any server. */
export function moveLinkOf(code, key) {
  return new URL(`./#move=${code}.${key}`, document.baseURI).href;
}

function written(bytes) {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}

function read(text) {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
}
