// The page's whole state. An element that shows a part of it listens for "change".

/**
 * @typedef {object} State
 * @property {"ko" | "en"} language
 * @property {"mine" | "drops"} view which tracks are shown: this browser's, or those of the dropped pictures
 * @property {string | null} dropSession the session of the dropped pictures, if everybody may look at it
 * @property {string | null} resultsUrl the results bucket's URL; a token in its path grants reading
 * @property {object | null} usualSeconds how long each step usually takes, until this session has finished tracks;
 *   null until the configuration is read
 * @property {{name: string, usualSeconds: number, usd: number | null}[]} engines the engines to choose from, the
 *   default one first
 * @property {number[]} sketched how many seconds sketches took that came while the page was open
 * @property {object | null} session `{session, secret, expiresAt}` as the API gave it
 * @property {object[] | null} tracks the tracks of the session that is shown, newest first; null until they are known
 * @property {object[]} exports the tracks of the session that are downloads of another track, newest first
 * @property {boolean} live whether the server has confirmed the tracks
 * @property {boolean} more whether the server may have older tracks than these
 * @property {boolean} online whether the browser has a network
 * @property {object[]} uploads pictures chosen here: `{key, file, type, wishes, track, preview, fraction,
 *   problem, waits, gone}`; one that waits resumes when the network is back, one that is gone can only be chosen again
 * @property {string | null} selected the key of the upload or the id of the track on the stage
 * @property {Record<string, string>} busy the running command of each track that has one
 * @property {number | null} closedUntil when the day's limit ends, in the server's time
 * @property {object | null} notice `{words, places, restart}`: a text or its key, its placeholders, and whether to
 *   offer a new session
 */

/** @type {State} */
export const NOTHING_YET = Object.freeze({
  language: "ko",
  view: "mine",
  dropSession: null,
  resultsUrl: null,
  usualSeconds: null,
  engines: [],
  sketched: [],
  session: null,
  tracks: null,
  exports: [],
  live: false,
  more: false,
  online: true,
  uploads: [],
  selected: null,
  busy: {},
  closedUntil: null,
  notice: null,
});

export class Store extends EventTarget {
  #state;

  /** @param {Partial<State>} state what differs from an empty page */
  constructor(state) {
    super();
    this.#state = Object.freeze({ ...NOTHING_YET, ...state });
  }

  /** @returns {State} */
  get state() {
    return this.#state;
  }

  /** @param {Partial<State>} part */
  change(part) {
    this.#state = Object.freeze({ ...this.#state, ...part });
    this.dispatchEvent(new Event("change"));
  }
}
