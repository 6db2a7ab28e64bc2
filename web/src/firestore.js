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
  Timestamp,
} from "firebase/firestore";

const MAX_SHOWN = 1000;

/**
 * Return `watchTracks(session, onTracks, onError)`, which returns a function that stops watching.
 * `onTracks(tracks, live)` says whether the server has confirmed them. A track that did not change is the same object.
 */
export function connect({ projectId, databaseId, firestoreApiKey, firestoreEmulator }) {
  const app = initializeApp({ projectId, apiKey: firestoreApiKey ?? undefined });
  const database = databaseId ? getFirestore(app, databaseId) : getFirestore(app);
  if (firestoreEmulator) {
    const [host, port] = firestoreEmulator.split(":");
    connectFirestoreEmulator(database, host, Number(port));
  }
  return (session, onTracks, onError) => {
    const newest = [orderBy("createdAt", "desc"), limit(MAX_SHOWN)];
    const known = new Map();
    return onSnapshot(
      query(collection(database, "sessions", session, "tracks"), ...newest),
      { includeMetadataChanges: true },
      (snapshot) => {
        for (const { type, doc } of snapshot.docChanges()) {
          if (type === "removed") known.delete(doc.id);
          else known.set(doc.id, { ...plain(doc.data()), track: doc.id });
        }
        const tracks = snapshot.docs.map(({ id }) => known.get(id));
        onTracks(tracks, !snapshot.metadata.fromCache);
      },
      (error) => onError(error.code),
    );
  };
}

/** Convert timestamps to milliseconds since 1970, and keep everything else. */
function plain(value) {
  if (value instanceof Timestamp) return value.toMillis();
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}
