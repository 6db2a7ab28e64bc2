"""Music of the composer as the step writes it with its form, its score and its exports, for the page to show."""

import json
from typing import Any, Final
from urllib.parse import quote

from localcloud.addresses import RESULTS_BUCKET, Addresses
from localcloud.provision import storage_client
from musicgenerator import ids
from musicgenerator.results import RESULT_TYPES, TRACK, ResultsFolder
from tests.contracts.recorded import recorded
from tests.support.scenes import Heard, Scene, store_music

# The picture whose versions stand together on the page.
IMAGE: Final = {
    "bucket": "b",
    "object": "uploads/one",
    "generation": 1,
    "width": 1,
    "height": 1,
    "contentType": "",
    "bytes": 1,
}
SECTIONS: Final = ("intro", 0.0, 2.0), ("A", 2.0, 6.0), ("B", 6.0, 10.0), ("end", 10.0, 12.0)
CHORDS: Final = ("D", "Bm7", "F#m7b5", "Bbmaj7", "G", "A7")
WHY: Final = {
    "tempo": "잔잔하게 밀려오는 물결의 간격이 느린 박과 닮았어요.",
    "key": "노을의 따뜻한 빛이 밝은 장조를 불러왔어요.",
    "instruments": "넓은 수평선이 길게 이어지는 현악과 패드를 떠올리게 해요.",
    "mood": "하루가 저무는 빛에서 차분함과 아련함이 함께 느껴져요.",
}


def form() -> dict[str, Any]:
    """Return a form of twelve seconds: four sections, and a chord every two seconds."""
    return {
        "tempoBpm": 72.0,
        "key": "D major",
        "timeSignature": "4/4",
        "bars": 6,
        "sections": [
            {
                "name": name,
                "startSeconds": start,
                "endSeconds": end,
                "startBar": int(start / 2) + 1,
                "bars": int((end - start) / 2),
            }
            for name, start, end in SECTIONS
        ],
        "chords": [
            {"name": name, "startSeconds": 2.0 * place, "endSeconds": 2.0 * place + 2, "bar": place + 1}
            for place, name in enumerate(CHORDS)
        ],
        "parts": [
            {"name": "lead", "instrument": "harp"},
            {"name": "pad", "instrument": "warm pad"},
            {"name": "pad-2", "instrument": "slow strings"},
        ],
    }


def store_composed(addresses: Addresses) -> Heard:
    """Put a composed track's files into the results bucket, with its form in ``track.json`` and a score."""
    heard = store_music(addresses)
    bucket = storage_client().bucket(RESULTS_BUCKET)
    told = json.dumps(recorded("track") | {"form": form()}, ensure_ascii=False)
    bucket.blob(heard.folder.name(TRACK)).upload_from_string(told, content_type=RESULT_TYPES[TRACK])
    bucket.blob(heard.folder.name("score.musicxml")).upload_from_string("<score-partwise/>")
    urls = {"midiUrl": heard.folder.url("music.mid"), "scoreUrl": heard.folder.url("score.musicxml")}
    return Heard(heard.folder, heard.facts | urls)


def add_composed(scene: Scene, heard: Heard, **fields: Any) -> str:
    """Write a finished track of composed music whose brief says why it sounds so."""
    return scene.add("ready", heard, brief=recorded("track_ready")["brief"] | {"why": WHY}, **fields)


def asked(source: str, kind: str) -> dict[str, Any]:
    """Return the request of an export."""
    return dict(recorded("track_ready")["request"]) | {"export": {"kind": kind, "track": source}}


def store_export(addresses: Addresses, name: str, data: bytes) -> dict[str, Any]:
    """Put an export's file into the results bucket, and return its document's ``music``."""
    folder = ResultsFolder(addresses.url("storage"), RESULTS_BUCKET, ids.new_results_token())
    bucket = storage_client().bucket(RESULTS_BUCKET)
    blob = bucket.blob(folder.name(name))
    blob.content_disposition = f"attachment; filename*=UTF-8''{quote(f'푸른 물결 ({name})')}"
    blob.upload_from_string(data)
    told = json.dumps(recorded("track") | {"form": form()})
    bucket.blob(folder.name(TRACK)).upload_from_string(told, content_type=RESULT_TYPES[TRACK])
    facts = dict(recorded("track_ready")["music"])
    return facts | {"url": folder.url(name), "wavUrl": None, "bytes": len(data)}
