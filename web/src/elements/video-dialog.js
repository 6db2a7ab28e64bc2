// The dialog that asks for a video's shape, with a picture of each.
import { codecs, sizeOf } from "../video-support.js";
import { painter } from "../video-picture.js";
import { made } from "./connected.js";

const SHAPES = { square: "film.square", tall: "film.tall", wide: "film.wide" };
const LARGEST = 1080;
const PREVIEW_SIDE = 360;
// Where in the music the previews are.
const PREVIEWED = 0.4;

/**
 * Ask which video to make of a picture with `{cover, title, words, peaks}`.
 * Resolves with a way of `codecs` and its shape, or null if the person closes the dialog.
 */
export async function askForShape(picture, seconds, actions) {
  const text = (key, places) => actions.text(key, places);
  const names = Object.keys(SHAPES);
  const ways = await Promise.all(names.map((shape) => codecs(shape)));
  const choices = made("div", "", { class: "shapes" });
  for (const [place, shape] of names.entries()) {
    const way = ways[place];
    choices.append(choice(shape, way, picture, seconds, text));
  }
  choices.querySelector("input:not(:disabled)").checked = true;
  const fields = made("fieldset");
  fields.append(made("legend", text("film.words")), choices);
  if (ways.some((way) => way?.audio.name === "opus")) fields.append(made("small", text("film.opus")));
  const buttons = made("div", "", { class: "buttons" });
  const cancel = made("button", text("film.cancel"), { type: "button", class: "button" });
  buttons.append(cancel, made("button", text("film.confirm"), { class: "button strong" }));
  const form = made("form", "", { method: "dialog" });
  form.append(made("h2", text("film.heading"), { id: "film-heading" }), fields, buttons);
  const dialog = made("dialog", "", { class: "film", "aria-labelledby": "film-heading" });
  dialog.append(form);
  document.body.append(dialog);
  return new Promise((resolve) => {
    let chosen = null;
    form.addEventListener("submit", () => (chosen = form.elements.shape.value));
    cancel.addEventListener("click", () => dialog.close());
    // A click on the backdrop is a click on the dialog itself, not on what it holds.
    dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(chosen && { ...ways[names.indexOf(chosen)], shape: chosen });
    });
    dialog.showModal();
  });
}

function choice(shape, way, picture, seconds, text) {
  const label = made("label", "", { class: "shape" });
  const input = made("input", "", { type: "radio", name: "shape", value: shape });
  input.disabled = way === null;
  const drawn = painter(sizeOf(shape, PREVIEW_SIDE), { ...picture, seconds })(PREVIEWED);
  const preview = Object.assign(made("canvas", "", { "aria-hidden": "true" }), { width: drawn.width, height: drawn.height });
  preview.getContext("2d").drawImage(drawn, 0, 0);
  const frame = made("span", "", { class: "frame" });
  frame.append(preview);
  const size = way ? text("film.size", sizeOf(shape, way.side)) : text("film.impossible");
  label.append(input, frame, made("strong", text(SHAPES[shape])), made("small", size));
  if (way && way.side < LARGEST) label.append(made("small", text("film.smaller", { side: way.side })));
  return label;
}
