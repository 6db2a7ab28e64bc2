// Looks up texts by language and key; they are stored in texts/*.json.

const TEXTS = { ko: {}, en: {} };

/** Set the texts of a language. */
export function learn(language, words) {
  TEXTS[language] = words;
}

/** Return one vocabulary of the brief (moods, genres, instruments), as the functions write it. */
export function vocabulary(kind) {
  return Object.keys(TEXTS.ko[kind] ?? {});
}

/** Return the first of the browser's languages that the page has; otherwise Korean. */
export function preferredLanguage(languages) {
  const known = languages.map((language) => language.slice(0, 2).toLowerCase());
  return known.find((language) => language in TEXTS) ?? "ko";
}

/**
 * Return the text of a dotted key, with its {places} filled.
 * A key without a text returns `fallback`, because moods and errors may contain words that the page does not know.
 */
export function text(language, key, places = {}, fallback = key) {
  const found = key.split(".").reduce((texts, name) => texts?.[name], TEXTS[language]);
  if (typeof found !== "string") return fallback;
  return found.replace(/\{(\w+)\}/g, (whole, name) => String(places[name] ?? whole));
}

/** Set the text of every element below `root` that has `data-text`, `data-label` or `data-placeholder`. */
export function localise(root, language) {
  for (const element of root.querySelectorAll("[data-text]")) {
    element.textContent = text(language, element.dataset.text);
  }
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", text(language, element.dataset.label));
  }
  for (const element of root.querySelectorAll("[data-placeholder]")) {
    element.placeholder = text(language, element.dataset.placeholder);
  }
}
