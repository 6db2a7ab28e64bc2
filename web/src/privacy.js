// Fills the privacy notice with what the operator of this installation has set.
import { configuration } from "./configuration.js";

/** Days that a setting changes, by their name in the notice: the files outlive the list by a day. */
const days = (sessionDays) => ({ session: sessionDays, results: sessionDays + 1 });

const settings = await configuration();
for (const element of document.querySelectorAll("[data-setting]")) {
  const value = settings[element.dataset.setting];
  if (value) element.textContent = value;
}
for (const [name, count] of Object.entries(settings.sessionDays ? days(settings.sessionDays) : {})) {
  for (const element of document.querySelectorAll(`[data-days="${name}"]`)) element.textContent = count;
}
