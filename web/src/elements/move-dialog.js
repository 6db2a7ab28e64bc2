// The dialog that moves a session to another device, or receives one.
import { span } from "../format.js";
import { claimed, moveLinkOf, offered, opened, seal } from "../moving.js";
import { ConnectedElement, setWaiting } from "./connected.js";

// What stands behind it may be a particle or a full stop of the message that had the link.
const LINK = /^#move=(\w+)\.([\w-]{43})/;
const ACTS = ["renew", "copy", "receive"];
const SECOND = 1000;
const SOON_MILLISECONDS = 60 * SECOND;
const LIFETIME_MILLISECONDS = 5 * SOON_MILLISECONDS;

class MoveDialog extends ConnectedElement {
  static shows = ["language"];
  #link = null;
  #until = null;
  #ticking = null;
  #turn = 0;
  #warned = false;

  start() {
    this.dialog = this.querySelector("dialog");
    // A click on the backdrop is a click on the dialog itself, not on what it holds.
    this.dialog.addEventListener("click", ({ target }) => {
      if (target === this.dialog) this.dialog.close();
    });
    this.press("close", () => this.dialog.close());
    this.press("renew", () => this.#offer());
    this.press("copy", () => this.#copy());
    this.press("receive", () => this.#receive());
    this.part("link").addEventListener("focus", ({ target }) => target.select());
    this.dialog.addEventListener("close", () => this.#end());
  }

  /** Offer this session; with a link's code and key, ask whether to receive the one of the link. */
  async open(link) {
    this.#link = link;
    this.#end();
    this.part("heading").textContent = this.text(link ? "move.ask" : "move.heading");
    this.part("words").textContent = this.text(link ? "move.yours" : "move.words");
    this.part("close").textContent = this.text(link ? "move.keep" : "move.close");
    this.part("done").textContent = "";
    this.part("instead").hidden = !link || this.store.state.session === null;
    if (!this.dialog.open) this.dialog.showModal();
    this.#show(link ? "receive" : null);
    if (!link) await this.#offer();
  }

  /** Show the code and one button beside the one that closes. */
  #show(name) {
    const offers = name === "copy";
    this.part("code").hidden = this.part("field").hidden = this.part("left").hidden = !offers;
    // The words are about a code that can be used.
    this.part("words").hidden = name === "renew";
    for (const button of ACTS) this.part(button).hidden = button !== name;
    // A button that is hidden loses the focus, and then keys reach nothing. Receiving takes more than one key.
    this.part(name && name !== "receive" ? name : "close").focus();
  }

  /** Say something to everybody, screen readers included. */
  #say(key, places) {
    this.part("done").textContent = this.text(key, places);
  }

  async #offer() {
    const turn = this.#turn;
    this.#say("move.making");
    this.#show(null);
    const { session } = this.store.state;
    // Counted from before the request, so that the page never promises more than the server.
    const until = Date.now() + LIFETIME_MILLISECONDS;
    try {
      const [{ sealed, key }, { qrCode }] = await Promise.all([seal(session), import("../qr.js")]);
      const { code } = await offered(this.commands.api, session, sealed);
      // The dialog may have been closed, and opened again, while the request ran.
      if (turn !== this.#turn) return;
      const link = moveLinkOf(code, key);
      this.part("link").value = link;
      const image = qrCode(link);
      image.setAttribute("role", "img");
      image.setAttribute("aria-label", this.text("move.code"));
      this.part("code").replaceChildren(image);
      this.#until = until;
      this.#show("copy");
      this.#say("move.made", { time: this.#time(LIFETIME_MILLISECONDS) });
      this.#ticking = setInterval(() => this.#tick(), SECOND);
      this.#tick();
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#complain(error);
      this.#show("renew");
    }
  }

  #left() {
    return this.#until - Date.now();
  }

  #time(milliseconds) {
    return span(this.store.state.language, milliseconds);
  }

  #tick() {
    const left = this.#left();
    this.part("left").textContent = this.text("move.left", { time: this.#time(left) });
    if (left <= 0) {
      this.#end();
      this.#say("move.over");
      this.#show("renew");
    } else if (left <= SOON_MILLISECONDS && !this.#warned) {
      this.#warned = true;
      this.#say("move.soon", { time: this.#time(SOON_MILLISECONDS) });
    }
  }

  /** Forget the code. */
  #end() {
    clearInterval(this.#ticking);
    this.#turn += 1;
    this.#warned = false;
    this.part("code").replaceChildren();
    this.part("link").value = "";
  }

  async #copy() {
    const link = this.part("link");
    try {
      await navigator.clipboard.writeText(link.value);
      this.#say("move.copied");
    } catch {
      link.focus();
      this.#say("move.copyYourself");
    }
  }

  async #receive() {
    const [, code, key] = LINK.exec(this.#link) ?? [];
    this.#say("move.receiving");
    setWaiting(this.part("receive"), true);
    try {
      const session = code ? await opened((await claimed(this.commands.api, code)).sealed, key) : null;
      const before = this.store.state.session?.session;
      if (session) await this.commands.receive(session);
      this.#say(!session ? "move.gone" : session.session === before ? "move.same" : "move.here");
      this.#answered();
    } catch (error) {
      this.#complain(error);
      if (error.code === "unknown_move") this.#answered();
    } finally {
      setWaiting(this.part("receive"), false);
    }
  }

  /** The code has been used, so there is nothing left to ask. */
  #answered() {
    this.part("close").textContent = this.text("move.close");
    this.#show(null);
    this.part("words").hidden = this.part("instead").hidden = true;
  }

  #complain(error) {
    if (error.code === "unknown_move") this.#say("move.gone");
    else this.part("done").textContent = this.commands.words(error);
  }
}

customElements.define("move-dialog", MoveDialog);
