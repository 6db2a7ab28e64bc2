// What a person drops or pastes anywhere on the page: files and folders. All other things are the browser's business.

const MAX_FILES = 1000;

/**
 * @typedef {object} Gift
 * @property {File[]} files
 * @property {{name: string, files: File[], whole: boolean}[]} folders with the files below them, but no hidden ones;
 *   not whole if a folder could not be read, or has too many files
 */

/**
 * Call `take(gift)` with the promise of what a person drops or pastes, and `over(true or false)` while files are
 * dragged over the page. A gift without files and folders is a link, such as a picture of another page.
 */
export function whenGiven(take, over = () => {}) {
  // A drag that begins on this page brings nothing new, even if it is a picture.
  let own = false;
  const takes = ({ dataTransfer, target }) =>
    !own && (hasFiles(dataTransfer) || (dataTransfer.types.includes("text/uri-list") && !isField(target)));
  document.addEventListener("dragstart", () => (own = true));
  document.addEventListener("dragend", () => (own = false));
  document.addEventListener("dragover", (event) => {
    if (!takes(event)) return;
    // Without this the browser would leave the page and open what is dropped.
    event.preventDefault();
    over(hasFiles(event.dataTransfer));
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) over(false);
  });
  document.addEventListener("drop", (event) => {
    over(false);
    if (!takes(event)) return;
    event.preventDefault();
    take(given(event.dataTransfer));
  });
  document.addEventListener("paste", (event) => {
    const { clipboardData, target } = event;
    if (!hasFiles(clipboardData)) return;
    // Office programs copy text with a picture of it; a field gets the text.
    if (isField(target) && clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    take(given(clipboardData));
  });
}

/** Read what is given; the browser allows the first step only while it handles the event. @returns {Promise<Gift>} */
async function given({ items, files }) {
  const parts = [...items]
    .filter(({ kind }) => kind === "file")
    .map((item) => [item.webkitGetAsEntry?.(), item.getAsFile()]);
  const isFolder = ([entry]) => entry?.isDirectory;
  const alone = parts.filter((part) => !isFolder(part)).map(([, file]) => file);
  return {
    files: (parts.length > 0 ? alone : [...files]).filter(Boolean),
    folders: await Promise.all(parts.filter(isFolder).map(([entry]) => contents(entry))),
  };
}

/** Return the files below a folder, sorted by path. */
async function contents(folder) {
  const found = { name: folder.name, files: [], whole: true };
  const walk = async (entry) => {
    if (found.files.length >= MAX_FILES) found.whole = false;
    else if (entry.isDirectory) for (const inner of await entries(entry)) await walk(inner);
    else found.files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
  };
  const entries = async (entry) => {
    const reader = entry.createReader();
    const all = [];
    let some;
    // A reader gives a part at each call, and nothing at the end.
    do {
      some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      all.push(...some.filter(({ name }) => !name.startsWith(".")));
    } while (some.length > 0 && all.length <= MAX_FILES);
    return all.toSorted((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  };
  await walk(folder).catch(() => (found.whole = false));
  return found;
}

function hasFiles({ types }) {
  return types.includes("Files");
}

function isField(target) {
  return target instanceof Element && target.closest(":read-write") !== null;
}
