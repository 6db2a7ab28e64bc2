// A live listener on a session's tracks. The only file that imports the Firebase SDK.
import { initializeApp } from "firebase/app";
import {
  collection,
  connectFirestoreEmulator,
  getFirestore,
  limit,
  onSnapshot,
  orderBy,
  query,
  startAfter,
  Timestamp,
} from "firebase/firestore";

// The most that infra/firestore.rules allow a query to ask for.
const PAGE = 100;

/**
 * Return `watchTracks(session, onTracks, onError)`, which returns a function that stops watching; its
 * `older` shows another page of tracks.
 * `onTracks(tracks, live, more)` says whether the server has confirmed them and may have older ones.
 * A track that did not change is the same object.
 */
export function connect({ projectId, databaseId, firestoreApiKey, firestoreEmulator }) {
  const app = initializeApp({ projectId, apiKey: firestoreApiKey ?? undefined });
  const database = databaseId ? getFirestore(app, databaseId) : getFirestore(app);
  if (firestoreEmulator) {
    const [host, port] = firestoreEmulator.split(":");
    connectFirestoreEmulator(database, host, Number(port));
  }
  return (session, onTracks, onError) => {
    const tracks = collection(database, "sessions", session, "tracks");
    const pages = [];
    let wanted = 1;
    const full = ({ shown }) => shown.length === PAGE;
    const last = () => pages.at(-1);

    /** Watch the page behind this document. When the end of a page moves, the pages behind it are watched again. */
    function watch(after) {
      const page = { shown: [], known: new Map(), live: false, end: undefined, stop: null };
      pages.push(page);
      const behind = after ? [startAfter(after)] : [];
      page.stop = onSnapshot(
        query(tracks, orderBy("createdAt", "desc"), ...behind, limit(PAGE)),
        { includeMetadataChanges: true },
        (snapshot) => {
          for (const { type, doc } of snapshot.docChanges()) {
            if (type === "removed") page.known.delete(doc.id);
            else page.known.set(doc.id, { ...plain(doc.data()), track: doc.id });
          }
          page.shown = snapshot.docs.map(({ id }) => page.known.get(id));
          page.live = !snapshot.metadata.fromCache;
          const moved = page.end?.id !== snapshot.docs.at(-1)?.id;
          page.end = snapshot.docs.at(-1);
          if (moved) stop(pages.indexOf(page) + 1);
          extend();
          // A page that is still loading would let the tracks behind it vanish for a moment.
          if (pages.every(({ live }) => live) || pages.length === 1) show();
        },
        (error) => onError(error.code),
      );
    }

    function extend() {
      if (pages.length < wanted && last().live && full(last())) watch(last().end);
    }

    function show() {
      onTracks(pages.flatMap(({ shown }) => shown), pages.every(({ live }) => live), full(last()));
    }

    function stop(from = 0) {
      for (const page of pages.splice(from)) page.stop?.();
    }

    function older() {
      wanted += 1;
      extend();
    }

    watch(null);
    return Object.assign(() => stop(), { older });
  };
}

/** Convert timestamps to milliseconds since 1970, and keep everything else. */
function plain(value) {
  if (value instanceof Timestamp) return value.toMillis();
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}
