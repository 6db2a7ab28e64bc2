// The upload handler's HTTP API, and the upload to the address that it signs.

/** The API, or storage behind it, said no: a problem document (RFC 9457) or a bare status. */
export class ProblemError extends Error {
  name = "ProblemError";

  constructor(status, { title = "", detail = "", code = "" } = {}) {
    super(detail || title);
    this.status = status;
    this.code = code;
  }

  /** Whether the session is what it does not know. */
  get isAboutSession() {
    return [401, 403, 404, 410].includes(this.status);
  }
}

/** No answer came. */
export class NetworkError extends Error {
  name = "NetworkError";
}

export class Api {
  #url;

  /** @param {string} url the API's base address */
  constructor(url) {
    this.#url = url.replace(/\/$/, "");
  }

  /** @returns {Promise<{session: string, secret: string, expiresAt: string}>} */
  createSession(key, language) {
    return this.#post("/v1/sessions", { key, language, body: {} });
  }

  /** Announce a picture; the same key and body give the same track and a signed upload again. */
  createTrack({ session, secret }, key, track, signal) {
    return this.#post(`/v1/sessions/${encodeURIComponent(session)}/tracks`, {
      key,
      language: track.language,
      secret,
      body: track,
      signal,
    });
  }

  async #post(path, { key, language, secret, body, signal }) {
    const headers = { "Content-Type": "application/json", "Idempotency-Key": key, "Accept-Language": language };
    if (secret) headers.Authorization = `Bearer ${secret}`;
    const request = { method: "POST", headers, body: JSON.stringify(body), signal };
    const response = await fetch(this.#url + path, request).catch((error) => {
      throw signal?.aborted ? error : new NetworkError(error.message);
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new ProblemError(response.status, answer);
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
