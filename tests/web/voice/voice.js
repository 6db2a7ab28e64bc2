// A voice of Chromium's own speech engine: it notes what it is asked to say, and ends when the test says so.
/* global chrome */
globalThis.spoken = [];

chrome.ttsEngine.onSpeak.addListener((words, { lang, voiceName }, send) => {
  globalThis.spoken.push([words, lang, voiceName]);
  send({ type: "start", charIndex: 0 });
  globalThis.end = () => send({ type: "end", charIndex: words.length });
});
chrome.ttsEngine.onStop.addListener(() => globalThis.spoken.push("stopped"));
