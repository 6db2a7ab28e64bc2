// Builds the page from configuration, store, commands and elements.
import { Api } from "./api.js";
import { Commands } from "./commands.js";
import { configuration } from "./configuration.js";
import { MusicPlayer } from "./elements/music-player.js";
import { PageNotice } from "./elements/page-notice.js";
import { PicturePicker } from "./elements/picture-picker.js";
import { StageActions } from "./elements/stage-actions.js";
import { StageProblem } from "./elements/stage-problem.js";
import { StageSteps } from "./elements/stage-steps.js";
import { LanguageSwitch, SessionPanel, StatusAnnouncer, ViewSwitch } from "./elements/switches.js";
import { TrackBrief } from "./elements/track-brief.js";
import { TrackLibrary } from "./elements/track-library.js";
import { TrackStage } from "./elements/track-stage.js";
import { keepFocus } from "./focus.js";
import { recall, whenKeptElsewhere } from "./session.js";
import { Store } from "./store.js";
import { localise, preferredLanguage, text } from "./texts.js";
import { loadTexts } from "./texts-loading.js";
import { isUnsent } from "./tracks.js";
import { keepShell } from "./trusted.js";

const INNER = {
  "music-player": MusicPlayer,
  "track-brief": TrackBrief,
  "stage-steps": StageSteps,
  "stage-problem": StageProblem,
  "stage-actions": StageActions,
};
const OUTER = {
  "language-switch": LanguageSwitch,
  "view-switch": ViewSwitch,
  "page-notice": PageNotice,
  "picture-picker": PicturePicker,
  "track-stage": TrackStage,
  "track-library": TrackLibrary,
  "session-panel": SessionPanel,
  "status-announcer": StatusAnnouncer,
};

const store = new Store({
  language: recall("language") ?? preferredLanguage(navigator.languages),
  online: navigator.onLine,
});
const api = new Api(async () => (await configuration()).apiUrl);

/** Return the live listener; it loads the SDK once. */
let listener = null;
async function watchTracks() {
  const [{ connect }, config] = await Promise.all([import("./firestore.js"), configuration()]);
  listener ??= connect(config);
  return listener;
}

/** Copy into the store what elements show of the configuration. */
async function configure() {
  const { dropSession = null, resultsUrl = null, usualSeconds = {}, engines = [] } = await configuration();
  store.change({ dropSession, resultsUrl, usualSeconds, engines });
}

function speak() {
  const { language } = store.state;
  if (document.documentElement.lang === language && document.title === text(language, "title")) return;
  document.documentElement.lang = language;
  document.title = text(language, "title");
  localise(document, language);
}

/** Whether an address names a view; a message may have punctuation or a particle behind it. */
function wants(view, { hash }) {
  return hash.startsWith(view);
}

function viewOf(address) {
  return wants("#drops", address) && store.state.dropSession ? "drops" : "mine";
}

/** Return the code and key of a link that moves a session here, after taking them out of the address. */
function moveLink() {
  const { hash } = location;
  if (!wants("#move=", location)) return null;
  history.replaceState(null, "", "#");
  return hash;
}

/** Open the dialog that moves the session, or that receives the one of a link; null is no link. */
async function move(link) {
  if (link === null) return;
  (await document.querySelector("session-panel").demand("move-dialog"))?.open(link);
}

const moved = moveLink();
await loadTexts();
localise(document, store.state.language);
speak();
store.addEventListener("change", speak);
const commands = new Commands(store, api, watchTracks);
for (const [name, type] of Object.entries({ ...INNER, ...OUTER })) customElements.define(name, type);
for (const name of Object.keys(OUTER)) document.querySelector(name).connect(store, commands);
// Only the view of dropped pictures needs the configuration first.
const wantsDrops = wants("#drops", location);
if (!wantsDrops) commands.show("mine");
document.documentElement.dataset.ready = "";
keepFocus();
document.querySelector("[data-part=move]").addEventListener("click", () => move());
move(moved);
addEventListener("online", () => {
  configure().catch(() => {});
  commands.connected(true);
});
whenKeptElsewhere("session", (session) => commands.adopt(session));
addEventListener("offline", () => commands.connected(false));
// Only while a picture would be lost, because browsers do not keep a page in memory that asks.
store.addEventListener("change", () => {
  globalThis.onbeforeunload = store.state.uploads.some(isUnsent) ? (event) => event.preventDefault() : null;
});
addEventListener("hashchange", () => {
  move(moveLink());
  const view = viewOf(location);
  if (view !== store.state.view) commands.show(view);
});

try {
  await configure();
} catch {
  if (store.state.online) commands.notify("notice.config");
}
if (wantsDrops) commands.show(viewOf(location));

// The shell also holds what a first picture needs, so it is loaded in the background while the person chooses one.
(globalThis.requestIdleCallback ?? setTimeout)(keepShell);
