// The page behind a share link: one track, read-only, by the token of its results, without session or database.
import { prevailingColour, tint } from "./colours.js";
import { configuration } from "./configuration.js";
import { download } from "./download.js";
import { ConnectedElement, setText } from "./elements/connected.js";
import { MusicPlayer } from "./elements/music-player.js";
import { LanguageSwitch } from "./elements/switches.js";
import { TrackBrief } from "./elements/track-brief.js";
import { fileName, word } from "./format.js";
import { whenGiven } from "./gifts.js";
import { provenanceOf } from "./provenance.js";
import { keep, recall } from "./session.js";
import { Store } from "./store.js";
import { localise, preferredLanguage, text } from "./texts.js";
import { loadTexts } from "./texts-loading.js";

// A message may have punctuation or a particle behind the link. ".d" means that downloading is allowed.
const LINK = /(r[a-z2-7]{26})(\.d)?/;

/** Shows a `track.json`: `{track, base, allowed, problem, hint}`. */
class SharedTrack extends ConnectedElement {
  static shows = ["language", "shared"];

  start() {
    [this.brief, this.player] = [this.querySelector("track-brief"), this.querySelector("music-player")];
    const cover = this.part("cover");
    cover.addEventListener("load", () => {
      cover.hidden = false;
      tint(this, prevailingColour(cover));
    });
    this.press("save", () => this.#save());
  }

  async #save() {
    const { track, base } = this.store.state.shared;
    try {
      await download(`${base}/music.mp3`, fileName(track.title, "mp3"), this.part("save"));
    } catch {
      share({ hint: "actions.gone" });
    }
  }

  render({ language, shared }) {
    const { track, base, allowed, problem, hint } = shared;
    this.player.speak(language);
    this.dataset.state = problem ? "problem" : track ? "ready" : "loading";
    this.player.hidden = !track;
    this.part("saves").hidden = !track || !allowed;
    this.part("provenance").hidden = !track?.provenance?.aiGenerated;
    const { engine, editedByPerson } = track?.provenance ?? {};
    if (engine) setText(this.part("provenance"), provenanceOf(language, engine, editedByPerson));
    setText(this.part("saying"), hint || problem ? text(language, hint ?? problem) : track ? "" : text(language, "shared.loading"));
    setText(this.part("title"), track?.title ?? text(language, problem ? "shared.gone" : "shared.heading"));
    this.brief.hidden = Boolean(problem);
    this.brief.show(track, language);
    document.title = track?.title ?? text(language, "shared.heading");
    if (!track) return;
    this.part("title").lang = track.language;
    const cover = this.part("cover");
    cover.alt = track.altText;
    if (!cover.getAttribute("src")) cover.src = `${base}/cover.jpg`;
    const artist = word(language, "genres", track.genre);
    // Only music of the composer has chords.
    const music = { ...track.music, url: `${base}/music.mp3` };
    this.querySelector("track-lane").hidden = !track.form?.chords;
    if (track.form?.chords) this.demand("track-lane", { within: this, wanted: false }).then((lane) => lane?.show({ music }));
    this.player.show({ music }, { title: track.title, artist, cover: `${base}/cover.jpg` });
    import("./elements/hear-picture.js").catch(() => {});
  }
}

const store = new Store({
  language: recall("language") ?? preferredLanguage(navigator.languages),
  shared: { track: null, base: null, problem: null },
});
const commands = {
  speak(language) {
    keep("language", language);
    store.change({ language });
  },
};

function share(part) {
  store.change({ shared: { ...store.state.shared, ...part } });
}

function speak() {
  document.documentElement.lang = store.state.language;
  localise(document, store.state.language);
}

/** Read the track whose token is in the URL's fragment. */
async function load() {
  const [, token, allowed] = LINK.exec(location.hash) ?? [];
  if (!token) return { problem: "shared.notFound" };
  try {
    const base = `${(await configuration()).resultsUrl}/${token}`;
    const response = await fetch(`${base}/track.json`);
    if (!response.ok) return { problem: "shared.notFound" };
    return { track: await response.json(), base, allowed };
  } catch {
    return { problem: "shared.network" };
  }
}

await loadTexts();
speak();
store.addEventListener("change", speak);
customElements.define("music-player", MusicPlayer);
customElements.define("track-brief", TrackBrief);
customElements.define("language-switch", LanguageSwitch);
customElements.define("shared-track", SharedTrack);
for (const name of ["language-switch", "shared-track"]) document.querySelector(name).connect(store, commands);
document.documentElement.dataset.ready = "";
// Opening another share link in the same tab changes only the fragment.
addEventListener("hashchange", () => location.reload());
whenGiven(() => share({ hint: "shared.elsewhere" }));
share(await load());
