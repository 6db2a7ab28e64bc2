// Which language, and the words in it; the words themselves lie in texts/*.json.

const TEXTS = { ko: {}, en: {} };

/** Take in the words of a language, read from its file. */
export function learn(language, words) {
  TEXTS[language] = words;
}

/** The words of a kind that briefs are made of, as the functions write them. */
export function vocabulary(kind) {
  return Object.keys(TEXTS.ko[kind] ?? {});
}

/** The first of a browser's languages that the page speaks; Korean if it speaks none of them. */
export function preferredLanguage(languages) {
  const known = languages.map((language) => language.slice(0, 2).toLowerCase());
  return known.find((language) => language in TEXTS) ?? "ko";
}

/**
 * The text under a dotted key with its {places} filled.
 * A key without a text gives `fallback`, since moods and errors may hold words that no page knows.
 */
export function text(language, key, places = {}, fallback = key) {
  const found = key.split(".").reduce((texts, name) => texts?.[name], TEXTS[language]);
  if (typeof found !== "string") return fallback;
  return found.replace(/\{(\w+)\}/g, (whole, name) => String(places[name] ?? whole));
}

/** Fill every element below `root` that names its text in `data-text`, `data-label` or `data-placeholder`. */
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
