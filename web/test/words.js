// Load the texts of both languages from files; the browser fetches them.
import { readFileSync } from "node:fs";
import { learn } from "../src/texts.js";

const read = (language) => JSON.parse(readFileSync(new URL(`../src/texts/${language}.json`, import.meta.url), "utf8"));

export const ko = read("ko");
export const en = read("en");
learn("ko", ko);
learn("en", en);
