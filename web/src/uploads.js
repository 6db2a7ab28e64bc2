// Uploads pictures: announces them, sends three at a time, and resumes when the network is back.
import { NetworkError } from "./api.js";
import { contentType, objection } from "./pictures.js";
import { closedUntil, problemWords } from "./problems.js";
import { text } from "./texts.js";

const AT_ONCE = 3;

export class Uploads {
  #store;
  #api;
  #sessions;
  #aborts = new Map();
  #queue = [];
  #running = 0;

  constructor(store, api, sessions) {
    this.#store = store;
    this.#api = api;
    this.#sessions = sessions;
  }

  /** Upload files to make music from; `wishes` are `{hint, style, durationSeconds}`. */
  async add(files, wishes) {
    const { language, uploads } = this.#store.state;
    const refused = files.filter(objection).map((file) => text(language, objection(file), { name: file.name }));
    if (refused.length > 0) this.#store.change({ notice: { words: refused.join("\n"), restart: false } });
    const added = files
      .filter((file) => !objection(file))
      .map((file) => ({
        key: crypto.randomUUID(),
        file,
        wishes: { ...wishes, language },
        track: null,
        preview: URL.createObjectURL(file),
        fraction: null,
        problem: null,
        waits: false,
      }));
    if (added.length === 0) return;
    this.#store.change({ uploads: [...added, ...uploads], selected: added[0].key });
    await Promise.all(added.map(({ key }) => this.again(key)));
  }

  /** Send an upload. It can be sent again: its key makes the same track. */
  async again(key) {
    await new Promise((resolve) => {
      this.#queue.push({ key, resolve });
      this.#next();
    });
  }

  /** Resume the uploads that the network has stopped. */
  async resume() {
    const waiting = this.#store.state.uploads.filter(({ waits }) => waits);
    await Promise.all(waiting.map(({ key }) => this.again(key)));
  }

  /** Stop an upload and forget it; erase its track if it has one. */
  async cancel(key) {
    const upload = this.find(key);
    if (!upload) return;
    this.forget(key);
    if (upload.track) await this.#api.eraseTrack(await this.#sessions.current(), upload.track).catch(() => {});
  }

  find(key) {
    return this.#store.state.uploads.find((upload) => upload.key === key);
  }

  /** Stop an upload and remove it from the list. */
  forget(key) {
    this.#aborts.get(key)?.abort();
    const upload = this.find(key);
    if (upload) URL.revokeObjectURL(upload.preview);
    this.#store.change({ uploads: this.#store.state.uploads.filter((one) => one.key !== key) });
  }

  forgetAll() {
    for (const { key } of this.#store.state.uploads) this.forget(key);
  }

  async #next() {
    if (this.#running === AT_ONCE || this.#queue.length === 0) return;
    const { key, resolve } = this.#queue.shift();
    this.#running += 1;
    await this.#send(key).finally(() => (this.#running -= 1));
    resolve();
    this.#next();
  }

  async #send(key) {
    const upload = this.find(key);
    if (!upload) return;
    const { file, wishes } = upload;
    const abort = new AbortController();
    this.#aborts.set(key, abort);
    this.#change(key, { fraction: null, problem: null, waits: false });
    try {
      const session = await this.#sessions.current();
      if (abort.signal.aborted) return;
      const announced = { ...wishes, contentType: contentType(file), bytes: file.size };
      const { track, upload: permit } = await this.#api.createTrack(session, key, announced, abort.signal);
      this.#change(key, { track, fraction: 0 });
      await this.#api.putFile(permit, file, (fraction) => this.#change(key, { fraction }), abort.signal);
      this.#change(key, { fraction: 1 });
    } catch (error) {
      if (!abort.signal.aborted) this.#fail(key, error);
    }
  }

  #fail(key, error) {
    const { language } = this.#store.state;
    this.#change(key, { fraction: null, problem: problemWords(language, error), waits: error instanceof NetworkError });
    const until = closedUntil(error);
    if (until) this.#store.change({ closedUntil: until });
    if (error.isAboutSession) this.#store.change({ notice: { words: "notice.expired", restart: true } });
  }

  #change(key, part) {
    const uploads = this.#store.state.uploads.map((upload) => (upload.key === key ? { ...upload, ...part } : upload));
    this.#store.change({ uploads });
  }
}
