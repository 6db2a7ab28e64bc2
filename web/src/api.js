// The upload handler's HTTP API, and the upload to the address that it signs.

/** The API, or storage behind it, said no: a problem document (RFC 9457) or a bare status. */
export class ProblemError extends Error {
  name = "ProblemError";

  /** @param {number | null} retryAfter seconds after which the same may be asked for again */
  constructor(status, { title = "", detail = "", code = "" } = {}, retryAfter = null) {
    super(detail || title);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** Whether the session is what it does not know. */
  get isAboutSession() {
    return this.code === "unknown_session";
  }
}

/** No answer came. */
export class NetworkError extends Error {
  name = "NetworkError";
}

export class Api {
  #url;

  /** @param {() => Promise<string>} url answers the API's base address, once it is known */
  constructor(url) {
    this.#url = url;
  }

  /** @returns {Promise<{session: string, secret: string, expiresAt: string}>} */
  createSession(key, language) {
    return this.#send("POST", "/v1/sessions", { key, language, body: {} });
  }

  /** Announce a picture; the same key and body give the same track and a signed upload again. */
  createTrack({ session, secret }, key, track, signal) {
    const { language } = track;
    return this.#send("POST", `/v1/sessions/${session}/tracks`, { key, language, secret, body: track, signal });
  }

  /** Give a track a command: `again` with an edit, `cancel` or `retry`. */
  command({ session, secret }, track, verb, key, body = {}) {
    return this.#send("POST", `/v1/sessions/${session}/tracks/${track}:${verb}`, { key, secret, body });
  }

  eraseTrack({ session, secret }, track) {
    return this.#send("DELETE", `/v1/sessions/${session}/tracks/${track}`, { secret });
  }

  eraseSession({ session, secret }) {
    return this.#send("DELETE", `/v1/sessions/${session}`, { secret });
  }

  async #send(method, path, { key, language, secret, body, signal }) {
    const headers = {};
    if (body) headers["Content-Type"] = "application/json";
    if (key) headers["Idempotency-Key"] = key;
    if (language) headers["Accept-Language"] = language;
    if (secret) headers.Authorization = `Bearer ${secret}`;
    const request = { method, headers, body: body && JSON.stringify(body), signal };
    const asked = this.#url().then((url) => fetch(url.replace(/\/$/, "") + path, request));
    const response = await asked.catch((error) => {
      throw signal?.aborted ? error : new NetworkError(error.message);
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new ProblemError(response.status, answer, Number(response.headers.get("Retry-After")) || null);
    return answer;
  }

  /**
   * Send a file to a signed address with exactly the signed headers.
   * XMLHttpRequest, since fetch tells nothing of an upload's progress.
   */
  putFile({ method, url, headers }, file, onFraction, signal) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      signal.addEventListener("abort", () => request.abort());
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) onFraction(event.loaded / event.total);
      });
      request.addEventListener("load", () => {
        // 412: the name is taken already, so an earlier try arrived although its answer was lost.
        if (request.status < 300 || request.status === 412) resolve();
        else reject(new ProblemError(request.status));
      });
      request.addEventListener("error", () => reject(new NetworkError("upload")));
      request.addEventListener("abort", () => reject(new DOMException("upload", "AbortError")));
      request.open(method, url);
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      request.send(file);
    });
  }
}
