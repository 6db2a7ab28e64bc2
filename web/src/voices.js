// Chooses the browser's voice for a language.

/** Return the best voice that speaks a language such as "ko": the default one, or one on this device; null if none does. */
export function voiceFor(voices, language) {
  const speaking = voices.filter(({ lang }) => lang.toLowerCase().split(/[-_]/)[0] === language);
  return speaking.find((voice) => voice.default) ?? speaking.find(({ localService }) => localService) ?? speaking[0] ?? null;
}
