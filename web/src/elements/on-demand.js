// The elements that are loaded when one of them is first needed.
import "./dialogs.js";
import "./engine-choice.js";
import "./move-dialog.js";
import "./take-pair.js";
import "./track-exports.js";
import "./track-lane.js";
