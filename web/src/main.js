// Puts the page together: configuration, store, commands, elements.
import { Api } from "./api.js";
import { Commands } from "./commands.js";
import { PicturePicker } from "./elements/picture-picker.js";
import { LanguageSwitch, SessionNotice, SessionReset, ViewSwitch } from "./elements/switches.js";
import { TrackCard } from "./elements/track-card.js";
import { TrackList } from "./elements/track-list.js";
import { connect } from "./firestore.js";
import { recall } from "./session.js";
import { Store } from "./store.js";
import { localise, preferredLanguage, text } from "./texts.js";

const ELEMENTS = {
  "language-switch": LanguageSwitch,
  "view-switch": ViewSwitch,
  "session-notice": SessionNotice,
  "picture-picker": PicturePicker,
  "track-list": TrackList,
  "session-reset": SessionReset,
};

const store = new Store({
  language: recall("language") ?? preferredLanguage(navigator.languages),
  view: "mine",
  dropSession: null,
  session: null,
  tracks: null,
  uploads: [],
  notice: null,
});

function speak() {
  const { language } = store.state;
  if (document.documentElement.lang === language && document.title === text(language, "title")) return;
  document.documentElement.lang = language;
  document.title = text(language, "title");
  localise(document, language);
}

function viewOf(address) {
  return address.hash === "#drops" && store.state.dropSession ? "drops" : "mine";
}

async function configuration() {
  const response = await fetch("config.json");
  if (!response.ok) throw new TypeError(response.statusText);
  return response.json();
}

localise(document, store.state.language);
speak();
store.addEventListener("change", speak);
customElements.define("track-card", TrackCard);
for (const [name, type] of Object.entries(ELEMENTS)) customElements.define(name, type);

const config = await configuration().catch(() => null);
if (config) {
  const commands = new Commands(store, new Api(config.apiUrl), connect(config));
  store.change({ dropSession: config.dropSession ?? null });
  for (const name of Object.keys(ELEMENTS)) document.querySelector(name).connect(store, commands);
  window.addEventListener("hashchange", () => {
    const view = viewOf(location);
    if (view !== store.state.view) commands.show(view);
  });
  await commands.show(viewOf(location));
} else {
  const notice = document.querySelector("session-notice");
  notice.hidden = false;
  notice.querySelector("[data-part=words]").textContent = text(store.state.language, "notice.config");
}
