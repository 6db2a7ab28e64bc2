// Client of the upload handler's HTTP API, and of the upload URLs that it signs.

/** The API or Cloud Storage refused a request: a problem document (RFC 9457), or a status alone. */
export class ProblemError extends Error {
  name = "ProblemError";

  /** @param {number | null} retryAfter seconds after which the request may be repeated */
  constructor(status, { title = "", detail = "", code = "" } = {}, retryAfter = null) {
    super(detail || title);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** Whether the API does not know the session. */
  get isAboutSession() {
    return this.code === "unknown_session";
  }
}

/** The request got no answer. */
export class NetworkError extends Error {
  name = "NetworkError";
}

export class Api {
  #url;

  /** @param {() => Promise<string>} url resolves to the API's base URL */
  constructor(url) {
    this.#url = url;
  }

  /** @returns {Promise<{session: string, secret: string, expiresAt: string}>} */
  createSession(key, language) {
    return this.send("POST", "/v1/sessions", { key, language, body: {} });
  }

  /** Announce a picture. The same key and body return the same track, with a new signed upload. */
  createTrack({ session, secret }, key, track, signal) {
    const { language } = track;
    return this.send("POST", `/v1/sessions/${session}/tracks`, { key, language, secret, body: track, signal });
  }

  /** Send a command to a track: `again` with an edit, `cancel`, `retry` or `like`. */
  command({ session, secret }, track, verb, key, body = {}) {
    return this.send("POST", `/v1/sessions/${session}/tracks/${track}:${verb}`, { key, secret, body });
  }

  eraseTrack({ session, secret }, track) {
    return this.send("DELETE", `/v1/sessions/${session}/tracks/${track}`, { secret });
  }

  eraseSession({ session, secret }) {
    return this.send("DELETE", `/v1/sessions/${session}`, { secret });
  }

  /** Send a request and return the answer. Throws ProblemError for a refusal and NetworkError without an answer. */
  async send(method, path, { key, language, secret, body, signal }) {
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
   * Send a file to a signed URL with exactly the signed headers.
   * It uses XMLHttpRequest, because fetch does not report the progress of an upload.
   */
  putFile({ method, url, headers }, file, onFraction, signal) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      signal.addEventListener("abort", () => request.abort());
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) onFraction(event.loaded / event.total);
      });
      request.addEventListener("load", () => {
        // 412: the object exists, so an earlier try succeeded and its answer was lost.
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
