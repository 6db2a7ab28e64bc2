// Values as words: times, file names, musical keys.
import { text } from "./texts.js";

/** A span of milliseconds in minutes and seconds. */
export function span(language, milliseconds) {
  const whole = Math.max(0, Math.floor(milliseconds / 1000));
  const minutes = Math.floor(whole / 60);
  const seconds = whole % 60;
  return minutes > 0
    ? text(language, "time.minutes", { minutes, seconds })
    : text(language, "time.seconds", { seconds });
}

/** A title as a file name that every system takes. */
export function fileName(title, extension) {
  const forbidden = /[\p{Cc}\p{Cf}/\\:*?"<>|]+/gu;
  const stem = title.replace(forbidden, " ").replace(/\s+/g, " ").trim().replace(/^\.+|\.+$/g, "");
  return `${[...stem].slice(0, 80).join("").trim() || "music"}.${extension}`;
}

/** A key such as "Eb minor" with its signs as musicians write them. */
export function musicalKey(language, key) {
  const [tonic, mode] = key.split(" ");
  const spelled = tonic.replace("#", "♯").replace(/(?<=.)b/, "♭");
  return text(language, `modes.${mode}`, { tonic: spelled }, key);
}
