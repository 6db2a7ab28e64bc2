// How a piece of music was made, in one or two sentences.
import { text } from "./texts.js";

// The engines that look at the picture; the others only read its description.
const LOOKING = ["lyria-3-clip", "lyria-3-pro"];

/** Return the sentences; `edited` says that a person changed the description. */
export function provenanceOf(language, engine, edited) {
  const how = LOOKING.includes(engine) ? "provenance.seen" : "provenance.described";
  // The operator's own model has no name that fits into the sentence.
  const name = engine.startsWith("lyria") ? text(language, `engines.${engine}`, {}, engine) : engine;
  const said = text(language, engine === "composer" ? "provenance.composed" : how, { engine: name });
  return edited ? `${said} ${text(language, "provenance.edited")}` : said;
}
