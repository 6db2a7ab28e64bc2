// What every element of the page has: the store it shows, the commands it gives, its parts by name.
import { text } from "../texts.js";

export class ConnectedElement extends HTMLElement {
  /** Called once, by main.js, when everything is there. */
  connect(store, commands) {
    this.store = store;
    this.commands = commands;
    this.start();
    store.addEventListener("change", () => this.render(store.state));
    this.render(store.state);
  }

  /** Listen to what the person does. */
  start() {}

  /** Show a state; called at every change. */
  render() {}

  /** The element below this one that is marked `data-part="name"`. */
  part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }

  /** A text in the present language. */
  text(key, places, fallback) {
    return text(this.store.state.language, key, places, fallback);
  }
}

/** Set a text only where it differs, since a live region speaks at every change of its content. */
export function setText(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
