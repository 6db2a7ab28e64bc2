// The only file that knows the Firebase SDK: a live listener on a session's tracks.
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

const SHOWN_AT_MOST = 50;

/** Return `watchTracks(session, onTracks, onError)`, which returns what ends the watching. */
export function connect({ projectId, firestoreApiKey, firestoreEmulator }) {
  const database = getFirestore(initializeApp({ projectId, apiKey: firestoreApiKey ?? undefined }));
  if (firestoreEmulator) {
    const [host, port] = firestoreEmulator.split(":");
    connectFirestoreEmulator(database, host, Number(port));
  }
  return (session, onTracks, onError) => {
    const newest = [orderBy("createdAt", "desc"), limit(SHOWN_AT_MOST)];
    return onSnapshot(
      query(collection(database, "sessions", session, "tracks"), ...newest),
      (snapshot) => onTracks(snapshot.docs.map((document) => ({ ...plain(document.data()), track: document.id }))),
      (error) => onError(error.code),
    );
  };
}

/** Timestamps as milliseconds since 1970, everything else as it is. */
function plain(value) {
  if (value instanceof Timestamp) return value.toMillis();
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}
