"""Drop pictures into the images bucket and follow their tracks: ``python -m operations.drop PICTURE…``.

gcloud copies the pictures, a Firestore listener follows the tracks;
at the end the command prints the addresses of the music.
Reads ``IMAGES_BUCKET`` and what ``operations/clients.py`` and gcloud read.
``DROP_SECONDS`` is how long the command waits while no track changes.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import operations.interrupts  # noqa: F401  it sets a hook
from musicgenerator import drops
from musicgenerator.events import ObjectFinalized
from musicgenerator.settings import required, whole_number
from musicgenerator.states import Status
from musicgenerator.tracks import Track
from operations import wishes
from operations.dropping import DropError, drop_with_gcloud, facts, listed, named, no_pictures
from operations.following import SilentTrackError, document_of, sightings
from operations.progress import Progress, noted, words

_DROP_SECONDS: Final = 1800
_MAX_COPIES_AT_ONCE: Final = 4


def main(arguments: Sequence[str]) -> int:
    """Drop pictures into the images bucket and follow their tracks."""
    parser = argparse.ArgumentParser(prog="make drop", description=main.__doc__)
    parser.add_argument("images", nargs="*", type=Path, help="pictures")
    parser.add_argument("--list", default="", help="further pictures in one text, separated by spaces")
    parser.add_argument("--language", default="", help="the language of title and caption: ko or en")
    parser.add_argument("--seconds", default="", help="the length of the music in seconds, 10 to 180")
    options = parser.parse_args(arguments)
    try:
        return _drop([*options.images, *listed(options.list)], wishes.metadata(options.language, options.seconds))
    except (DropError, wishes.WishError) as error:
        print(error, file=sys.stderr)
        return 1


def _drop(paths: Sequence[Path], metadata: dict[str, str]) -> int:
    bucket = required(os.environ, "IMAGES_BUCKET")
    files = named(paths)
    # The captioner would ignore these files, so nothing would follow.
    ignored = no_pictures(files, metadata.get(wishes.LANGUAGE_KEY, ""))
    pictures = {name: path for name, path in files.items() if name not in ignored}
    # Before the copy: afterwards the captioner creates the track that is looked for.
    tracks = {name: _track(facts(bucket, name, path, metadata)) for name, path in pictures.items()}
    with ThreadPoolExecutor(_MAX_COPIES_AT_ONCE) as pool:
        list(pool.map(lambda name: drop_with_gcloud(bucket, name, pictures[name], metadata), pictures))
    names = {track: name for name, track in tracks.items()}
    documents: dict[str, dict[str, Any]] = {}
    try:
        with Progress(list(pictures)) as progress:
            for sighting in sightings(None, list(names), whole_number(os.environ, "DROP_SECONDS", _DROP_SECONDS)):
                documents[sighting.track] = sighting.document
                progress.show(names[sighting.track], sighting.document)
    except SilentTrackError as error:
        print(error, file=sys.stderr)
    for name, document in ignored.items():
        print(f"{name}  {words(document)}")
    for track, name in names.items():
        document = documents.get(track, {})
        music = document.get("music") or {}
        print(f"{name}  {track}  {music.get('url') or (words(document) if document else 'has no document yet')}")
        for note in document.get("notes") or ():
            print(f"{name}  {track}  {noted(note)}")
    ready = all(documents.get(track, {}).get("status") == Status.READY for track in names)
    return 0 if ready and not ignored else 1


def _track(picture: ObjectFinalized) -> str:
    """Return the track that a drop of this picture makes, or the one that an earlier drop of the same picture made."""
    for turn in range(drops.MAX_ROUNDS):
        track = drops.track_of(picture, turn)
        found = document_of(track)
        if found is None or not drops.starts_another(Track.from_document(found[0], track, found[1])):
            break
    return track


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
