"""Pictures into a deployed images bucket with the real gcloud, followed: ``python -m operations.drop PICTURE…``.

``operations/operate.sh`` sets what it reads. The music's addresses are printed, for whoever may hear it.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from google.cloud import firestore

from musicgenerator.settings import required, whole_number
from musicgenerator.states import Status
from operations.clients import database_client
from operations.dropping import DropError, drop_with_gcloud, named
from operations.progress import Progress

_LOOK_EVERY: Final = 2.0


def track_document(database: firestore.Client, track: str) -> dict[str, Any] | None:
    """Return a track's document, found through its work, or None until the captioner has made it."""
    work = database.document("work", track).get().to_dict()
    if not work:
        return None
    found: dict[str, Any] | None = database.document("sessions", work["session"], "tracks", track).get().to_dict()
    return found


def follow(database: firestore.Client, names: dict[str, str], patience: float) -> dict[str, dict[str, Any]]:
    """Show each track's way, by the names of its picture; return the documents of those that have ended."""
    until, ended = time.monotonic() + patience, dict[str, dict[str, Any]]()
    with Progress(list(names.values())) as progress:
        while len(ended) < len(names) and time.monotonic() < until:
            for track in names.keys() - ended.keys():
                document = track_document(database, track)
                if document is None:
                    continue
                status, error = Status(document["status"]), document.get("error")
                progress.show(names[track], status, f"{error['message']} ({error['code']})" if error else "")
                if status.is_final:
                    ended[track] = document
            time.sleep(_LOOK_EVERY)
    return ended


def main(arguments: Sequence[str]) -> int:
    """Drop and follow."""
    parser = argparse.ArgumentParser(prog="make drop PROJECT=…", description=main.__doc__)
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--language", default="")
    parser.add_argument("--seconds", default="")
    asked = parser.parse_args(arguments)
    wishes = {"language": asked.language, "durationSeconds": asked.seconds}
    metadata = {name: value for name, value in wishes.items() if value}
    bucket = required(os.environ, "IMAGES_BUCKET")
    try:
        drops = [drop_with_gcloud(name, path, metadata, bucket) for name, path in named(asked.images).items()]
    except DropError as error:
        print(error, file=sys.stderr)
        return 1
    names = {drop.track: drop.name for drop in drops}
    ended = follow(database_client(), names, whole_number(os.environ, "DROP_SECONDS", 1800))
    for track, name in names.items():
        document = ended.get(track, {})
        music = document.get("music") or {}
        print(f"{name}  {track}  {music.get('url') or document.get('status') or 'has not ended yet'}")
    return 0 if all(ended.get(track, {}).get("status") == Status.READY for track in names) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
