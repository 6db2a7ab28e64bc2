// What every element of the page has: the store it shows, the commands it gives, its parts by name.
import { localise, text } from "../texts.js";

export class ConnectedElement extends HTMLElement {
  /** The fields of the state that it shows; a change of others leaves it alone. */
  static shows = [];
  #shown = null;

  /** Called once, by main.js, when everything is there. */
  connect(store, commands) {
    this.store = store;
    this.commands = commands;
    this.start();
    store.addEventListener("change", () => this.#changed());
    this.#changed();
  }

  #changed() {
    const { state } = this.store;
    const before = this.#shown;
    if (before && this.constructor.shows.every((name) => before[name] === state[name])) return;
    this.#shown = state;
    if (before?.language !== state.language) localise(this, state.language);
    this.render(state, before);
  }

  /** Listen to what the person does. */
  start() {}

  /** Show a state; `before` is what was shown until now, null at first. */
  render() {}

  /** The element below this one that is marked `data-part="name"`. */
  part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }

  /** Call `act` when the person presses a part. */
  press(name, act) {
    this.part(name).addEventListener("click", act);
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

/** An element with words and attributes; words are never markup. */
export function made(name, words = "", attributes = {}) {
  const element = document.createElement(name);
  element.textContent = words;
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  return element;
}

/** A choice that is worn as a chip; its words come later, in the language of the page. */
export function chip(type, name, value, chosen) {
  const label = made("label", "", { class: "chip" });
  const input = made("input", "", { type, name, value });
  input.defaultChecked = chosen;
  label.append(input, made("span"));
  return label;
}

/** Press a toggle button, or let it go. */
export function setPressed(button, pressed) {
  button.setAttribute("aria-pressed", String(pressed));
}
