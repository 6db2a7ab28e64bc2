import assert from "node:assert/strict";
import { test } from "node:test";
import { provenanceOf } from "../src/provenance.js";
import { text } from "../src/texts.js";
import "./words.js";

test("an engine has the name that the choice of engines shows", () => {
  for (const language of ["ko", "en"]) {
    for (const engine of ["lyria-002", "lyria-3-clip", "lyria-3-pro"]) {
      const said = provenanceOf(language, engine, false);
      assert.ok(said.includes(text(language, `engines.${engine}`)), said);
      assert.ok(!said.includes(engine), said);
    }
    for (const engine of ["composer", "endpoint"]) assert.doesNotMatch(provenanceOf(language, engine, false), /composer|endpoint|\{/);
  }
});

test("an engine that the page does not know is shown as it is called", () => {
  assert.match(provenanceOf("en", "lyria-9", true), /lyria-9 made.+A person changed/);
});
