// The page's whole state in one place; whoever shows a part of it listens for "change".

/**
 * @typedef {object} State
 * @property {"ko" | "en"} language
 * @property {"mine" | "drops"} view whose tracks are shown: this browser's, or the operator's dropped pictures
 * @property {string | null} dropSession the session of the dropped pictures, if there is one to look at
 * @property {object | null} session `{session, secret, expiresAt}` as the API gave it
 * @property {object[] | null} tracks the shown session's tracks, newest first; null until the first answer
 * @property {object[]} uploads pictures chosen here: `{key, file, wishes, track, preview, fraction, problem}`
 * @property {object | null} notice `{words, restart}`: a key of the texts or a text as it is, and whether to offer
 *   a new session
 */

export class Store extends EventTarget {
  #state;

  /** @param {State} state */
  constructor(state) {
    super();
    this.#state = Object.freeze(state);
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
