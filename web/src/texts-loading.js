// Fetches the texts of both languages, which the document preloads.
import { learn } from "./texts.js";

/** Load all texts. If that fails, the page shows their keys and still works. */
export async function loadTexts() {
  const { href } = document.querySelector("link[rel=preload][as=fetch]");
  const response = await fetch(href).catch(() => null);
  if (!response?.ok) return;
  for (const [language, words] of Object.entries(await response.json())) learn(language, words);
}
