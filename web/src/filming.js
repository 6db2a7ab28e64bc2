// Asks for a video's shape, makes the video and saves it; a second press stops it. Loaded at the first press.
import { save } from "./download.js";
import { askForShape } from "./elements/video-dialog.js";
import { announce, setText } from "./elements/connected.js";
import { fileName, nameOf, word } from "./format.js";
import { takeTitle } from "./tracks.js";
import { painter } from "./video-picture.js";
import { codecs } from "./video-support.js";

let filming = null;
let isMaking = false;

/** What a video is made of could not be loaded; `words` is the text that says so. */
class LoadingError extends Error {
  constructor(words) {
    super(words);
    this.words = words;
  }
}

/** Make a video of a track, or stop making one. `actions` is the element that has the button. */
export async function film(track, actions) {
  if (filming) {
    // Until a shape is chosen there is nothing to stop.
    if (isMaking) filming.abort();
    return;
  }
  const { store } = actions;
  const title = nameOf(store.state.language, { track });
  const words = track.brief ? word(store.state.language, "genres", track.brief.genre) : "";
  filming = new AbortController();
  const { signal } = filming;
  try {
    const cover = await coverOf(track.music.coverUrl, signal);
    const picture = { cover, title, words, peaks: track.music.peaks };
    const way = await askForShape(picture, track.music.durationSeconds, actions);
    isMaking = Boolean(way);
    if (!way) return;
    await make(track, picture, way, actions, signal);
    announce(actions.text("film.saved", { title }));
  } catch (error) {
    if (!signal.aborted && !actions.commands.complain(error)) actions.commands.notify(error.words ?? "actions.notFilmed");
  } finally {
    [filming, isMaking] = [null, false];
    setText(actions.part("video"), actions.text("actions.video"));
    delete actions.part("video").dataset.done;
  }
}

async function make({ track, request, music }, picture, way, actions, signal) {
  const progress = (fraction) => {
    setText(actions.part("video"), actions.text("actions.filming"));
    actions.part("video").dataset.done = `${Math.round(fraction * 100)}%`;
  };
  let refused = false;
  const sign = (sha256) =>
    actions.commands.mark(track, sha256).catch((error) => {
      refused = true;
      throw error;
    });
  progress(0);
  const { film, soundOf } = await import("./video.js").catch(() => {
    throw new LoadingError("notice.part");
  });
  const sound = await soundOf(await loaded(music.url, signal));
  const about = { title: picture.title, engine: music.engine };
  let video;
  try {
    video = await film(sound, about, painted(picture), way, progress, signal, sign);
  } catch (error) {
    // Some encoders promise a size that they cannot make. A mark that is refused is so at every size.
    const smaller = signal.aborted || refused || way.side === 720 ? null : await codecs(way.shape, [720]);
    if (!smaller) throw error;
    video = await film(sound, about, painted(picture), smaller, progress, signal, sign);
    actions.commands.notify("film.shrunk", { side: smaller.side });
  }
  save(video, fileName(takeTitle(picture.title, { track, request }, actions.store.state.tracks), "mp4"));
}

/** Return a function that gets an encoder's configuration and the music's length, and returns the one that draws. */
function painted(picture) {
  return (size, seconds) => painter(size, { ...picture, seconds });
}

async function coverOf(url, signal) {
  const response = await loaded(url, signal, "default");
  return createImageBitmap(await response.blob());
}

/** Fetch a file. The cache may hold only the parts of music that the player has fetched. */
async function loaded(url, signal, cache = "reload") {
  const response = await fetch(url, { cache, signal }).catch((error) => {
    throw signal.aborted ? error : new LoadingError("notice.network");
  });
  if (!response.ok) throw new LoadingError("actions.gone");
  return response;
}
