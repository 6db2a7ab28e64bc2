// How a piece of music was made, in one or two sentences.
import { text } from "./texts.js";

// The engines that look at the picture; the others only read its description.
const LOOKING = ["lyria-3-clip", "lyria-3-pro"];

/** Return the sentences; `edited` says that a person changed the description. */
export function provenanceOf(language, engine, edited) {
  const how = LOOKING.includes(engine) ? "provenance.seen" : "provenance.described";
  const own = { composer: "provenance.composed", endpoint: "provenance.endpoint" };
  const said = text(language, own[engine] ?? how, { engine: text(language, `engines.${engine}`, {}, engine) });
  return edited ? `${said} ${text(language, "provenance.edited")}` : said;
}
