// Fetches the words of both languages, which the document has asked for ahead of the script.
import { learn } from "./texts.js";

/** Read all words; where they do not come, their keys are seen, and the page can still be used. */
export async function loadTexts() {
  const { href } = document.querySelector("link[rel=preload][as=fetch]");
  const response = await fetch(href).catch(() => null);
  if (!response?.ok) return;
  for (const [language, words] of Object.entries(await response.json())) learn(language, words);
}
