// The small controls around the list: language, view, notice, reset.
import { ConnectedElement, setText } from "./connected.js";

export class LanguageSwitch extends ConnectedElement {
  start() {
    this.addEventListener("click", ({ target }) => {
      if (target.value) this.commands.speak(target.value);
    });
  }

  render({ language }) {
    for (const button of this.querySelectorAll("button")) button.ariaPressed = String(button.value === language);
  }
}

export class ViewSwitch extends ConnectedElement {
  render({ dropSession, view }) {
    this.hidden = dropSession === null;
    for (const link of this.querySelectorAll("a")) {
      link.ariaCurrent = link.hash === `#${view}` ? "page" : null;
    }
  }
}

export class SessionNotice extends ConnectedElement {
  start() {
    this.part("restart").addEventListener("click", () => this.commands.reset());
    this.part("close").addEventListener("click", () => this.commands.closeNotice());
  }

  render({ notice }) {
    this.hidden = notice === null;
    setText(this.part("words"), notice ? this.text(notice.words) : "");
    this.part("restart").hidden = !notice?.restart;
    this.part("close").hidden = Boolean(notice?.restart);
  }
}

export class SessionReset extends ConnectedElement {
  start() {
    const dialog = this.querySelector("dialog");
    this.part("open").addEventListener("click", () => dialog.showModal());
    this.part("cancel").addEventListener("click", () => dialog.close());
    this.part("confirm").addEventListener("click", () => {
      dialog.close();
      this.commands.reset();
    });
  }

  render({ view }) {
    this.hidden = view !== "mine";
  }
}
