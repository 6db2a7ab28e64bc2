import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { whenGiven } from "../src/gifts.js";

/** The part of an element that the page asks for. */
class FakeElement {
  constructor(isField) {
    this.isField = isField;
  }

  closest(selector) {
    assert.equal(selector, ":read-write");
    return this.isField ? this : null;
  }
}
globalThis.Element = FakeElement;
const [ZONE, FIELD] = [new FakeElement(false), new FakeElement(true)];

const photo = { name: "photo.jpg" };
const isFile = (file) => ({ kind: "file", webkitGetAsEntry: () => ({ isDirectory: false }), getAsFile: () => file });
const isFolder = (entry) => ({ kind: "file", webkitGetAsEntry: () => entry, getAsFile: () => ({ name: entry.name, size: 4096 }) });
const isText = { kind: "string" };
const carrying = (types, ...items) => ({ types, items, files: [] });

/** An entry of the file system; a folder gives its entries in parts, as browsers do. */
function entry(name, inner = null) {
  if (inner === null) return { name, isDirectory: false, file: (resolve) => resolve({ name }) };
  return {
    name,
    isDirectory: true,
    createReader() {
      let at = 0;
      return {
        readEntries(resolve, reject) {
          if (inner === "locked") reject(new DOMException("locked", "NotReadableError"));
          else resolve(inner.slice(at, (at += 100)));
        },
      };
    },
  };
}

let gifts;
let overs;

beforeEach(() => {
  globalThis.document = new EventTarget();
  [gifts, overs] = [[], []];
  whenGiven((gift) => gifts.push(gift), (over) => overs.push(over));
});

/** Send an event, and return whether the browser's own action is prevented. */
function send(type, transfer = {}, target = ZONE) {
  const event = new Event(type, { cancelable: true });
  const key = type === "paste" ? "clipboardData" : "dataTransfer";
  Object.defineProperties(event, { target: { value: target }, [key]: { value: transfer }, relatedTarget: { value: null } });
  document.dispatchEvent(event);
  return event.defaultPrevented;
}

for (const [gesture, types, target, taken] of [
  ["drop", ["Files"], ZONE, true],
  ["drop", ["Files"], FIELD, true],
  ["drop", ["text/plain"], FIELD, false],
  ["drop", ["text/plain", "text/html"], ZONE, false],
  ["drop", ["text/plain", "text/uri-list"], FIELD, false],
  ["drop", ["text/html", "text/uri-list"], ZONE, true],
  ["paste", ["Files"], ZONE, true],
  ["paste", ["Files"], FIELD, true],
  ["paste", ["text/html", "Files"], FIELD, true],
  ["paste", ["text/plain", "text/html", "Files"], FIELD, false],
  ["paste", ["text/plain", "text/html", "Files"], ZONE, true],
  ["paste", ["text/plain"], FIELD, false],
  ["paste", ["text/plain"], ZONE, false],
]) {
  test(`a ${gesture} of ${types} into a ${target === FIELD ? "field" : "page"} is ${taken ? "" : "not "}taken`, () => {
    const transfer = carrying(types, ...types.map((type) => (type === "Files" ? isFile(photo) : isText)));
    if (gesture === "drop") assert.equal(send("dragover", transfer, target), taken);
    assert.equal(send(gesture, transfer, target), taken);
    assert.equal(gifts.length, taken ? 1 : 0);
  });
}

test("only files that are dragged over the page are announced", () => {
  send("dragover", carrying(["Files"]));
  send("dragleave");
  send("dragover", carrying(["text/uri-list"]));
  send("dragover", carrying(["text/plain"]));
  assert.deepEqual(overs, [true, false, false]);
});

test("what is dragged from the page itself is not taken, the next drag is", () => {
  send("dragstart");
  assert.equal(send("dragover", carrying(["Files"], isFile(photo))), false);
  assert.equal(send("drop", carrying(["Files", "text/uri-list"], isFile(photo))), false);
  send("dragend");
  assert.equal(send("drop", carrying(["Files"], isFile(photo))), true);
  assert.equal(gifts.length, 1);
});

test("a link brings nothing", async () => {
  send("drop", carrying(["text/uri-list"], isText));
  assert.deepEqual(await gifts[0], { files: [], folders: [] });
});

test("a gift has files and folders; a folder's files are sorted, without hidden ones", async () => {
  const folder = entry("여름", [
    entry("10.jpg"),
    entry("9.jpg"),
    entry(".DS_Store"),
    entry("a", [entry("._8.jpg"), entry("8.jpg")]),
    entry(".git", [entry("x.jpg")]),
  ]);
  send("drop", carrying(["Files"], isFile(photo), isFolder(folder), isText));
  const { files, folders } = await gifts[0];
  assert.deepEqual(files, [photo]);
  assert.deepEqual(folders, [{ name: "여름", files: ["9.jpg", "10.jpg", "8.jpg"].map((name) => ({ name })), whole: true }]);
});

test("a folder of more files than a browser gives at once is read to its end", async () => {
  send("drop", carrying(["Files"], isFolder(entry("many", Array.from({ length: 250 }, (_, place) => entry(`${place}.jpg`))))));
  const { folders } = await gifts[0];
  assert.deepEqual([folders[0].files.length, folders[0].whole], [250, true]);
});

test("a folder that cannot be read, or is too large, is not whole", async () => {
  const large = entry("large", Array.from({ length: 1500 }, (_, place) => entry(`${place}.jpg`)));
  send("drop", carrying(["Files"], isFolder(entry("locked", "locked")), isFolder(large)));
  const { folders } = await gifts[0];
  assert.deepEqual(folders.map(({ files, whole }) => [files.length, whole]), [[0, false], [1000, false]]);
});

test("a browser without entries gives its files", async () => {
  const old = { types: ["Files"], items: [{ kind: "file", getAsFile: () => photo }], files: [photo] };
  send("paste", old);
  send("drop", { types: ["Files"], items: [], files: [photo] });
  assert.deepEqual((await Promise.all(gifts)).map(({ files }) => files), [[photo], [photo]]);
});
