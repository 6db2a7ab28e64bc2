// The base class of the page's elements: the store that it shows, its commands, and its parts by name.
import { localise, text } from "../texts.js";

export class ConnectedElement extends HTMLElement {
  /** The fields of the state that it shows; it renders only when one of them changes. */
  static shows = [];
  #shown = null;

  /** Called once by main.js, when all elements are defined. */
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

  /** Add listeners for what the person does. */
  start() {}

  /** Show a state; `before` is the state shown before, null at first. */
  render() {}

  /** Return the element below this one with `data-part="name"`. */
  part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }

  /** Call `act` when the person presses a part that does not wait. */
  press(name, act) {
    this.part(name).addEventListener("click", (event) => isWaiting(event.currentTarget) || act(event));
  }

  /**
   * Return an element whose script is loaded when it is first needed; null if that fails.
   * What a person has asked for is `wanted`, so a notice says that it failed.
   */
  async demand(name, { within = document, wanted = true } = {}) {
    try {
      await import("./on-demand.js");
    } catch {
      if (wanted) this.commands.notify("notice.part");
      return null;
    }
    const element = within.querySelector(name);
    if (!element.store) element.connect(this.store, this.commands);
    return element;
  }

  /** Return a text in the current language. */
  text(key, places, fallback) {
    return text(this.store.state.language, key, places, fallback);
  }
}

/** Set a text only if it differs, because a live region speaks at every change of its content. */
export function setText(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

/** Create an element with text and attributes; text is never markup. */
export function made(name, words = "", attributes = {}) {
  const element = document.createElement(name);
  element.textContent = words;
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  return element;
}

/** Create a radio button or checkbox that looks like a chip; its text is set when the page renders. */
export function chip(type, name, value, chosen) {
  const label = made("label", "", { class: "chip" });
  const input = made("input", "", { type, name, value });
  input.defaultChecked = chosen;
  label.append(input, made("span"));
  return label;
}

export function setPressed(button, pressed) {
  button.setAttribute("aria-pressed", String(pressed));
}

/** Let a button wait for what its press has begun. It keeps the focus, which a disabled button loses. */
export function setWaiting(button, waits) {
  if (waits) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}

/** Whether a button waits, so that a press does nothing. */
export function isWaiting(button) {
  return button.getAttribute("aria-disabled") === "true";
}

/** Say something to screen readers, and to nobody else. */
export function announce(words) {
  setText(document.querySelector("status-announcer"), words);
}
