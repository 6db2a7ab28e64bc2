// Chooses the browser's voice for a language.

/**
 * Return the best voice that speaks a language such as "ko", or null if none does. Voices on this device come first:
 * others send what they read to the browser's maker.
 */
export function voiceFor(voices, language) {
  const speaking = voices.filter(({ lang }) => lang.toLowerCase().split(/[-_]/)[0] === language);
  const local = speaking.filter(({ localService }) => localService);
  const best = local.length > 0 ? local : speaking;
  return best.find((voice) => voice.default) ?? best[0] ?? null;
}
