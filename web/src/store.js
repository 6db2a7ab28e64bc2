// The page's whole state in one place; whoever shows a part of it listens for "change".

/**
 * @typedef {object} State
 * @property {"ko" | "en"} language
 * @property {"mine" | "drops"} view whose tracks are shown: this browser's, or the operator's dropped pictures
 * @property {string | null} dropSession the session of the dropped pictures, if there is one to look at
 * @property {string | null} resultsUrl where results can be read by whoever knows their token
 * @property {object} usualSeconds how long each step took where nothing is known of this session
 * @property {object | null} session `{session, secret, expiresAt}` as the API gave it
 * @property {object[] | null} tracks the shown session's tracks, newest first; null until they are known
 * @property {boolean} live whether the tracks come from the server and not from memory
 * @property {boolean} online whether the browser has a network
 * @property {object[]} uploads pictures chosen here: `{key, file, wishes, track, preview, fraction, problem}`
 * @property {string | null} selected the key of the upload or the id of the track on the stage
 * @property {Record<string, string>} busy tracks to which a command is on its way: which one
 * @property {number | null} closedUntil when a limit of today ends, in milliseconds since 1970
 * @property {object | null} notice `{words, places, restart}`: a key of the texts or a text as it is, and whether to
 *   offer a new session
 */

/** @type {State} */
export const NOTHING_YET = Object.freeze({
  language: "ko",
  view: "mine",
  dropSession: null,
  resultsUrl: null,
  usualSeconds: {},
  session: null,
  tracks: null,
  live: false,
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
