// Finds music by words of its title, moods, genre and caption, also while a Korean letter is still being composed.
import { text } from "./texts.js";

const LANGUAGES = ["ko", "en"];
// How Unicode orders the parts of a Korean syllable; a part of two letters is typed as two.
const INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";
const VOWELS = "ㅏ,ㅐ,ㅑ,ㅒ,ㅓ,ㅔ,ㅕ,ㅖ,ㅗ,ㅗㅏ,ㅗㅐ,ㅗㅣ,ㅛ,ㅜ,ㅜㅓ,ㅜㅔ,ㅜㅣ,ㅠ,ㅡ,ㅡㅣ,ㅣ".split(",");
const FINALS = ",ㄱ,ㄲ,ㄱㅅ,ㄴ,ㄴㅈ,ㄴㅎ,ㄷ,ㄹ,ㄹㄱ,ㄹㅁ,ㄹㅂ,ㄹㅅ,ㄹㅌ,ㄹㅍ,ㄹㅎ,ㅁ,ㅂ,ㅂㅅ,ㅅ,ㅆ,ㅇ,ㅈ,ㅊ,ㅋ,ㅌ,ㅍ,ㅎ".split(",");
const FIRST_SYLLABLE = 0xac00;
const SYLLABLES = INITIALS.length * VOWELS.length * FINALS.length;

/** Return a text as it is typed: lower case, and Korean syllables as their letters. */
export function typed(words) {
  return [...plain(words)].map((letter) => parts(letter).join("")).join("");
}

/** Return the first letter of each Korean syllable, by which people search; other letters stay. */
export function initials(words) {
  return [...plain(words)].map((letter) => parts(letter)[0]).join("");
}

/** Return what is searched of an item: the texts of its upload and its brief, moods and genre in both languages. */
export function searchable({ upload, track }) {
  const { title = "", caption = "", moods = [], genre = "" } = track?.brief ?? {};
  const vocabulary = [...moods.map((mood) => ["moods", mood]), ["genres", genre]];
  const translated = LANGUAGES.flatMap((language) => vocabulary.map(([kind, value]) => text(language, `${kind}.${value}`, {}, value)));
  const whole = [title, upload?.file.name ?? "", caption, ...translated].join("\n");
  // Spaces between Korean words are often left out.
  return { typed: `${typed(whole)}\n${typed(whole.replace(/ /g, ""))}`, initials: initials(whole.replace(/ /g, "")) };
}

/** Return a function that says whether a `searchable` has every word that is asked for. */
export function matcher(query) {
  const wanted = plain(query).split(/\s+/).filter(Boolean);
  const tests = wanted.map((word) => {
    const letters = typed(word);
    const isInitials = [...word].every((letter) => INITIALS.includes(letter));
    return (one) => one.typed.includes(letters) || (isInitials && one.initials.includes(word));
  });
  return (one) => tests.every((test) => test(one));
}

function plain(words) {
  // NFKC would turn the letters that a keyboard writes into others.
  return words.normalize("NFC").toLowerCase();
}

function parts(letter) {
  const place = letter.codePointAt(0) - FIRST_SYLLABLE;
  if (place < 0 || place >= SYLLABLES) return [letter];
  const [final, syllable] = [place % FINALS.length, Math.floor(place / FINALS.length)];
  return [INITIALS[Math.floor(syllable / VOWELS.length)], VOWELS[syllable % VOWELS.length], FINALS[final]];
}
