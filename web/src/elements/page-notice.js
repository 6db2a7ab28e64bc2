// Notices of the whole page: no network, or an error and what to do about it.
import { ConnectedElement, setText } from "./connected.js";

export class PageNotice extends ConnectedElement {
  static shows = ["language", "notice", "online"];

  start() {
    this.press("restart", () => this.commands.reset());
    this.press("close", () => this.commands.closeNotice());
  }

  render({ notice, online }) {
    this.part("offline").hidden = online;
    this.part("notice").hidden = notice === null;
    setText(this.part("words"), notice ? this.text(notice.words, notice.places) : "");
    this.part("restart").hidden = !notice?.restart;
    this.part("close").hidden = Boolean(notice?.restart);
  }
}
