// Plays tracks one after the other on the stage, through the page's one player.

const RESTARTS_AFTER_SECONDS = 3;

/** Emits "change" when the track or its state changes, "skipped" for music that cannot be loaded, and "ended". */
export class Queue extends EventTarget {
  #store;
  #commands;
  #player;
  #tracks = [];
  #place = -1;
  #heard = 0;

  constructor(store, commands, player) {
    super();
    [this.#store, this.#commands, this.#player] = [store, commands, player];
    const on = (name, act) =>
      // Events of media do not bubble, so this listens while they come down.
      player.addEventListener(name, ({ target }) => this.current && target === player.audio && act(), true);
    on("ended", () => this.#ended());
    on("error", () => this.#failed());
    for (const name of ["play", "pause"]) on(name, () => this.#tell("change"));
    on("playing", () => (this.#heard += 1));
    store.addEventListener("change", () => this.#follow());
  }

  /** The track that plays, or null. */
  get current() {
    return this.#tracks[this.#place] ?? null;
  }

  get next() {
    return this.#tracks[this.#place + 1] ?? null;
  }

  /** Return the place of the current track, from 1, and how many there are. */
  get place() {
    return { place: this.#place + 1, count: this.#tracks.length };
  }

  get isPaused() {
    return this.#player.audio.paused;
  }

  start(tracks) {
    [this.#tracks, this.#place, this.#heard] = [tracks, -1, 0];
    // Music that repeats never ends.
    if (this.#player.audio.loop) this.#player.loop.click();
    this.#takeMediaKeys(true);
    this.go(1);
  }

  /** Add music that is older than the last track. */
  extend(tracks) {
    const last = tracks.findIndex(({ track }) => track === this.#tracks.at(-1)?.track);
    const older = last === -1 ? [] : tracks.slice(last + 1);
    if (older.length === 0) return;
    this.#tracks = [...this.#tracks, ...older];
    this.#tell("change");
  }

  /** Go on to the next track, or back to the one before; back to the start of this one if it has played for a while. */
  go(step) {
    const known = new Set((this.#store.state.tracks ?? []).map(({ track }) => track));
    const isBegun = this.current && this.#player.audio.currentTime > RESTARTS_AFTER_SECONDS;
    let place = Math.max(0, this.#place + (step < 0 && isBegun ? 0 : step));
    // A track may have been deleted since the start.
    while (place > 0 && place < this.#tracks.length && !known.has(this.#tracks[place].track)) place += step;
    this.#place = place;
    if (!this.current) {
      this.#end("ended");
      return;
    }
    this.#commands.select(this.current.track);
    const { audio } = this.#player;
    audio.currentTime = 0;
    this.#play();
    this.#tell("change");
  }

  toggle() {
    if (this.isPaused) this.#play();
    else this.#player.audio.pause();
  }

  stop() {
    if (!this.current) return;
    this.#player.audio.pause();
    this.#end("stopped");
  }

  #play() {
    this.#player.audio.play().catch(({ name }) => {
      if (name === "NotAllowedError") this.#tell("refused");
    });
  }

  #ended() {
    const { music, sketch } = this.current;
    // A sketch that was on the stage already is followed by its music, unless it was the whole music.
    const isMusic = this.#player.audio.getAttribute("src") === music.url;
    const isWhole = music.engine === "composer" && music.seed === sketch?.seed && music.durationSeconds <= sketch.durationSeconds + 1;
    if (isMusic || isWhole) this.go(1);
  }

  #failed() {
    if (this.#player.audio.getAttribute("src") !== this.current.music.url) return;
    this.#tell("skipped", this.current);
    this.go(1);
  }

  /** Stop when the person shows another track, or deletes this one. */
  #follow() {
    if (!this.current) return;
    const { selected, tracks } = this.#store.state;
    const isShown = selected === this.current.track && (tracks ?? []).some(({ track }) => track === selected);
    if (!isShown) this.#end("stopped");
  }

  #end(how) {
    [this.#tracks, this.#place] = [[], -1];
    this.#takeMediaKeys(false);
    this.#tell(how, this.#heard);
  }

  #takeMediaKeys(taken) {
    if (!("mediaSession" in navigator)) return;
    for (const [name, step] of Object.entries({ nexttrack: 1, previoustrack: -1 })) {
      try {
        navigator.mediaSession.setActionHandler(name, taken ? () => this.go(step) : null);
      } catch {
        // The browser does not support the action.
      }
    }
  }

  #tell(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
