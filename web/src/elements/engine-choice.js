// The engines to choose from, if there are several, each with its usual wait and its price where it is given.
import { roughly } from "../format.js";
import { dollars } from "../prices.js";
import { ConnectedElement, made } from "./connected.js";

class EngineChoice extends ConnectedElement {
  static shows = ["language", "engines"];

  /** The chosen engine; undefined if there is nothing to choose. */
  get chosen() {
    return this.querySelector(":checked")?.value;
  }

  /** The chosen engine; undefined for the default one. */
  get value() {
    return this.chosen === this.store?.state.engines[0]?.name ? undefined : this.chosen;
  }

  /** Choose an engine; null is the default one. */
  set value(name) {
    const inputs = [...this.querySelectorAll("input")];
    const chosen = inputs.find(({ value }) => value === name) ?? inputs[0];
    if (chosen) chosen.checked = true;
  }

  render({ language, engines }) {
    const { value } = this;
    this.hidden = engines.length < 2;
    this.part("options").replaceChildren(...engines.map((engine) => this.#option(engine, language)));
    this.value = value;
  }

  #option({ name, usualSeconds, usd }, language) {
    const label = made("label", "", { class: "option" });
    const facts = [
      usualSeconds && this.text("engines.usual", { time: roughly(language, usualSeconds) }),
      usd !== null && usd !== undefined && this.text("engines.price", { price: dollars(language, usd) }),
    ];
    const said = facts.filter(Boolean).join(" · ");
    const words = made("span");
    words.append(
      made("strong", this.text(`engines.${name}`, {}, name)),
      made("small", this.text(`engines.${name}Words`, {}, "")),
      // The configuration's waits and prices are those of 30 seconds, whatever length is chosen.
      made("small", said && this.text("engines.facts", { facts: said }), { class: "facts" }),
    );
    label.append(made("input", "", { type: "radio", name: "engine", value: name }), words);
    return label;
  }
}

customElements.define("engine-choice", EngineChoice);
