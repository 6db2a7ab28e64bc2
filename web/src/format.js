// Values as words: times, file names, musical keys.
import { text } from "./texts.js";

/** A span of milliseconds in minutes and seconds. */
export function span(language, milliseconds) {
  const whole = Math.max(0, Math.floor(milliseconds / 1000));
  const minutes = Math.floor(whole / 60);
  const seconds = whole % 60;
  if (minutes === 0) return text(language, "time.seconds", { seconds });
  return text(language, seconds === 0 ? "time.wholeMinutes" : "time.minutes", { minutes, seconds });
}

/** About how long something takes: to the second below ten, to five seconds below a minute, then to half minutes. */
export function roughly(language, seconds) {
  const grain = seconds < 10 ? 1 : seconds < 60 ? 5 : 30;
  return span(language, Math.max(1, Math.round(seconds / grain) * grain) * 1000);
}

/** A place in the music, as players write it. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** A moment as the person's clock and calendar show it. */
export function moment(language, milliseconds) {
  const format = new Intl.DateTimeFormat(language, { month: "long", day: "numeric", hour: "numeric", minute: "2-digit" });
  return format.format(milliseconds);
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

/** A word of the brief's vocabulary as this language has it; English has the words already. */
export function word(language, kind, value) {
  const found = text(language, `${kind}.${value}`, {}, value);
  return found.charAt(0).toUpperCase() + found.slice(1);
}
