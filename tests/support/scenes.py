"""Sessions for the page to show, written to Firestore and the results bucket as the functions write them."""

import io
import json
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import soundfile
from google.cloud import firestore

from localcloud.addresses import PROJECT, REPOSITORY, RESULTS_BUCKET, Addresses
from localcloud.provision import storage_client
from musicgenerator import ids
from musicgenerator.patience import Patience
from musicgenerator.results import COVER, MUSIC, MUSIC_MIDI, MUSIC_SCORE, MUSIC_WAV, RESULT_TYPES, TRACK, ResultsFolder
from musicgenerator.states import Status
from musicgenerator.tracks import PrivateTrack
from musicgenerator_google.firestore_tracks import FirestoreTracks
from tests.contracts.recorded import recorded, recorded_track

PHOTOS: Final = REPOSITORY / "localcloud" / "photos"
SCENE_SECONDS: Final = 12
_RATE: Final = 44_100
# The times of the recorded tracks are shifted so that this one becomes the present.
_RECORDED_NOW: Final = datetime(2026, 11, 22, 9, 18, tzinfo=UTC)


@dataclass(frozen=True)
class Heard:
    """Music in the results bucket: a tone that swells and fades, with a real cover."""

    folder: ResultsFolder
    facts: dict[str, Any]


@dataclass
class Scene:
    """One session; ``state`` is what a browser stores of it."""

    addresses: Addresses
    session: str
    secret: str
    tracks: list[str] = field(default_factory=list)

    @property
    def state(self) -> dict[str, Any]:
        expires = (datetime.now(UTC) + timedelta(days=30)).isoformat()
        kept = json.dumps({"session": self.session, "secret": self.secret, "expiresAt": expires})
        origin = {"origin": self.addresses.url("page"), "localStorage": [{"name": "session", "value": kept}]}
        return {"cookies": [], "origins": [origin]}

    def add(self, status: str, heard: Heard | None = None, *, token: str | None = None, **fields: Any) -> str:
        """Write a track as it is recorded in this state, newest last, and return its id.

        ``fields`` replace the recorded ones. All scenes share the music ``heard``, so commands do not reach its files
        unless the track gets its ``token``.
        """
        track = ids.new_track_id()
        document = document_of(status, heard, place=len(self.tracks)) | fields
        store = FirestoreTracks(client(), Patience())
        if status in {"ready", "failed", "rejected", "cancelled"}:
            # Commands need the private track. A track that is not final has none, so that no sweeper retries it.
            known = replace(recorded_track(Status(status)), session=self.session, track_id=track)
            store.create(known, PrivateTrack(token=token or ids.new_results_token()), _far())
        self.document(track).set(document)
        self.tracks.append(track)
        return track

    def document(self, track: str) -> Any:
        return client().document("sessions", self.session, "tracks", track)

    def of(self, track: str) -> dict[str, Any]:
        """Return a track's current document."""
        return dict(self.document(track).get().to_dict() or {})


def client() -> firestore.Client:
    return firestore.Client(project=PROJECT)


def new_scene(addresses: Addresses) -> Scene:
    """Open a session as the upload handler does, without counting it against a limit."""
    session, secret = ids.new_session_id(), ids.new_secret()
    document = {"secretHash": ids.secret_hash(secret), "createdAt": firestore.SERVER_TIMESTAMP, "expiresAt": _far()}
    client().document("sessions", session).set(document)
    return Scene(addresses, session, secret)


def document_of(status: str, heard: Heard | None = None, place: int = 0) -> dict[str, Any]:
    """Return the recorded document of a state, with its times shifted to the present and a picture of its own."""
    document = recorded(f"track_{status}")
    since = datetime.now(UTC) - _RECORDED_NOW + timedelta(seconds=place)
    for name in ("createdAt", "updatedAt"):
        document[name] = datetime.fromisoformat(document[name]) + since
    document["expiresAt"] = _far()
    document["timeline"] = {name: datetime.fromisoformat(at) + since for name, at in document["timeline"].items()}
    if document["image"]:
        document["image"]["object"] = f"uploads/{secrets.token_hex(8)}"
    if document["music"]:
        cover = {"coverUrl": heard.folder.url(COVER)} if heard else None
        document["music"] = heard.facts if heard and status == "ready" else cover
    return dict(document)


def store_music(addresses: Addresses, photo: str = "coffee") -> Heard:
    """Put a finished track's files into the results bucket."""
    folder = ResultsFolder(addresses.url("storage"), RESULTS_BUCKET, ids.new_results_token())
    samples, peaks = _tone()
    mp3, wav = _encoded(samples, "MP3"), _encoded(samples, "WAV")
    facts = recorded("track_ready")["music"] | {
        "durationSeconds": float(SCENE_SECONDS),
        "bytes": len(mp3),
        "peaks": peaks,
    }
    told = recorded("track") | {"music": facts}
    stored = {"midi": True, "score": True}
    told["music"] = {name: value for name, value in facts.items() if not name.lower().endswith("url")} | stored
    files = {
        MUSIC: mp3,
        MUSIC_WAV: wav,
        MUSIC_MIDI: b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0",
        MUSIC_SCORE: b'<?xml version="1.0"?><score-partwise version="4.0"/>',
        COVER: (PHOTOS / f"{photo}.jpg").read_bytes(),
        TRACK: json.dumps(told, ensure_ascii=False).encode(),
    }
    bucket = storage_client().bucket(RESULTS_BUCKET)
    for name, data in files.items():
        bucket.blob(folder.name(name)).upload_from_string(data, content_type=RESULT_TYPES[name])
    named = {"url": MUSIC, "wavUrl": MUSIC_WAV, "midiUrl": MUSIC_MIDI, "scoreUrl": MUSIC_SCORE, "coverUrl": COVER}
    urls = {name: folder.url(file) for name, file in named.items()}
    return Heard(folder, facts | urls)


def _tone() -> tuple[Any, list[float]]:
    time = np.arange(SCENE_SECONDS * _RATE) / _RATE
    swell = 0.15 + 0.75 * np.sin(np.pi * time / SCENE_SECONDS) ** 2
    samples = (0.4 * swell * np.sin(2 * np.pi * 220 * time)).astype(np.float32)
    peaks = [round(float(value), 3) for value in swell[:: len(swell) // 200][:200]]
    return samples, peaks


def _encoded(samples: Any, kind: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, _RATE, format=kind)
    return buffer.getvalue()


def _far() -> datetime:
    return datetime.now(UTC) + timedelta(days=30)
