// Formats values for people: times, file names, musical keys.
import { text } from "./texts.js";

/** Format milliseconds as minutes and seconds. */
export function span(language, milliseconds) {
  const whole = Math.max(0, Math.floor(milliseconds / 1000));
  const minutes = Math.floor(whole / 60);
  const seconds = whole % 60;
  if (minutes === 0) return text(language, "time.seconds", { seconds });
  return text(language, seconds === 0 ? "time.wholeMinutes" : "time.minutes", { minutes, seconds });
}

/** Format a rough duration: to the second below ten, to five seconds below a minute, then to half a minute. */
export function roughly(language, seconds) {
  const grain = seconds < 10 ? 1 : seconds < 60 ? 5 : 30;
  return span(language, Math.max(1, Math.round(seconds / grain) * grain) * 1000);
}

/** Format a position in the music as m:ss. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Format a moment in the person's locale and time zone. */
export function moment(language, milliseconds) {
  const format = new Intl.DateTimeFormat(language, { month: "long", day: "numeric", hour: "numeric", minute: "2-digit" });
  return format.format(milliseconds);
}

/** Name an item: by its title, its file, or when its picture came, which a small place needs `short`. */
export function nameOf(language, { upload, track }, short = false) {
  const known = track?.brief?.title ?? upload?.file.name;
  if (known || !track?.createdAt) return known ?? text(language, "stage.untitled");
  if (!short) return text(language, "stage.since", { time: moment(language, track.createdAt) });
  // Pictures that were chosen together differ by seconds.
  const two = "2-digit";
  const format = { month: "numeric", day: "numeric", hourCycle: "h23", hour: two, minute: two, second: two };
  return new Intl.DateTimeFormat(language, format).format(track.createdAt);
}

/** Return a title as a file name that every system accepts. */
export function fileName(title, extension) {
  const forbidden = /[\p{Cc}\p{Cf}/\\:*?"<>|]+/gu;
  const stem = title.replace(forbidden, " ").replace(/\s+/g, " ").trim().replace(/^\.+|\.+$/g, "");
  return `${[...stem].slice(0, 80).join("").trim() || "music"}.${extension}`;
}

/** Format a key such as "Eb minor" with musical signs. */
export function musicalKey(language, key) {
  const [tonic, mode] = key.split(" ");
  const spelled = tonic.replace("#", "♯").replace(/(?<=.)b/, "♭");
  return text(language, `modes.${mode}`, { tonic: spelled }, key);
}

/** Translate a word of the brief's vocabulary; the vocabulary itself is English. */
export function word(language, kind, value) {
  const found = text(language, `${kind}.${value}`, {}, value);
  return found.charAt(0).toUpperCase() + found.slice(1);
}
