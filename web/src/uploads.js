// Uploads pictures: announces them, sends three at a time, and resumes when the network is back.
import { NetworkError } from "./api.js";
import { copied, judged, UnreadableError } from "./pictures.js";
import { closedUntil, problemWords } from "./problems.js";
import { text } from "./texts.js";

const AT_ONCE = 3;
const MAX_REFUSALS = 5;

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

  /** Upload the pictures among files to make music from; `wishes` are `{hint, style, durationSeconds}`. */
  async add({ files, folders = [] }, wishes) {
    const alone = await Promise.all(files.map(judged));
    const inFolders = await Promise.all(folders.map((folder) => Promise.all(folder.files.map(judged))));
    const refusals = [
      ...this.#objections(alone),
      ...folders.flatMap((folder, place) => this.#remarks(folder, inFolders[place])),
    ];
    if (refusals.length > 0) this.#refuse(refusals);
    const { language, uploads } = this.#store.state;
    const added = [...alone, ...inFolders.flat()]
      .filter(({ objection }) => !objection)
      .map(({ file, type }) => ({
        key: crypto.randomUUID(),
        file,
        type,
        wishes: { ...wishes, language },
        track: null,
        preview: URL.createObjectURL(file),
        fraction: null,
        problem: null,
        waits: false,
        gone: false,
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

  /** The network is gone: what it has stopped is no error any more, because it resumes by itself. */
  wait() {
    for (const { key, waits } of this.#store.state.uploads) if (waits) this.#change(key, { problem: null });
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

  /** Say why files are not uploaded; of very many, only the first. */
  #refuse(refusals) {
    const more = refusals.length - MAX_REFUSALS;
    const shown = more > 0 ? [...refusals.slice(0, MAX_REFUSALS), this.#text("picker.more", { count: more })] : refusals;
    this.#store.change({ notice: { words: shown.join("\n"), restart: false } });
  }

  #objections(files) {
    const refused = files.filter(({ objection }) => objection);
    return refused.map(({ file, objection }) => this.#text(objection, { name: file.name }));
  }

  /** Say what is not uploaded of a folder: its other files need no names. */
  #remarks({ name, whole }, files) {
    const others = files.filter(({ type, objection }) => type === null && objection !== "picker.unreadable");
    const count = files.filter(({ objection }) => !objection).length;
    const remarks = this.#objections(files.filter((file) => !others.includes(file)));
    if (!whole) remarks.push(this.#text(count > 0 ? "picker.partly" : "picker.unreadable", { name, count }));
    else if (count === 0 && remarks.length === 0) remarks.push(this.#text("picker.noPictures", { name }));
    else if (count > 0 && others.length > 0) remarks.push(this.#text("picker.others", { name, count: others.length }));
    return remarks;
  }

  #text(key, places) {
    return text(this.#store.state.language, key, places);
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
    const { type, wishes } = upload;
    const abort = new AbortController();
    this.#aborts.set(key, abort);
    this.#change(key, { fraction: null, problem: null, waits: false });
    try {
      // The file may change or vanish at any time, so from here on only a copy is used.
      const file = await copied(upload.file);
      const session = await this.#sessions.current();
      if (abort.signal.aborted) return;
      const announced = { ...wishes, contentType: type, bytes: file.size };
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
    const until = closedUntil(error);
    const { wishes } = this.find(key);
    if (until && wishes.takes === 2) {
      // There may be room for one take. A refusal has used no key, so the same one can ask for it.
      this.#change(key, { fraction: null, problem: this.#text("upload.oneLeft"), wishes: { ...wishes, takes: 1 } });
      return;
    }
    const [waits, gone] = [error instanceof NetworkError, error instanceof UnreadableError];
    // With a network, the server may be out of reach for long, so the person decides when to try again.
    const problem = waits && !this.#store.state.online ? null : problemWords(language, error, "picker.closed");
    this.#change(key, { fraction: null, problem, waits, gone });
    if (until) this.#store.change({ closedUntil: until });
    if (error.isAboutSession) this.#store.change({ notice: { words: "notice.expired", restart: true } });
  }

  #change(key, part) {
    const uploads = this.#store.state.uploads.map((upload) => (upload.key === key ? { ...upload, ...part } : upload));
    this.#store.change({ uploads });
  }
}
