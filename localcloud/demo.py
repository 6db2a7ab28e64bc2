"""The demo: drops pictures, follows their tracks and saves their music."""

import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from localcloud.addresses import IMAGES_BUCKET, REPOSITORY
from localcloud.provision import storage_client
from musicgenerator.drops import track_of
from musicgenerator.results import COVER, MUSIC, MUSIC_MIDI, MUSIC_SCORE, MUSIC_WAV, TRACK
from musicgenerator.states import Status
from operations.dropping import Drop, facts, folders, no_pictures
from operations.following import sightings
from operations.progress import Progress, words
from operations.wishes import LANGUAGE_KEY

PHOTOS: Final = REPOSITORY / "localcloud" / "photos"


def drop(name: str, path: Path, metadata: dict[str, str]) -> Drop:
    """Upload a picture into the images bucket with google-cloud-storage."""
    blob = storage_client().bucket(IMAGES_BUCKET).blob(name)
    blob.metadata = metadata
    blob.upload_from_filename(str(path))
    return Drop(name, track_of(facts(IMAGES_BUCKET, name, path, metadata)))


def make_music(pictures: dict[str, Path], session: str, metadata: dict[str, str], out: Path) -> bool:
    """Drop the pictures, by object name, follow their tracks, save the results below ``out`` and print a table.

    Returns True if every track became ready.
    """
    documents = no_pictures(pictures, metadata.get(LANGUAGE_KEY, ""))
    wanted = [name for name in pictures if name not in documents]
    with Progress(wanted) as progress:
        with ThreadPoolExecutor(max_workers=4) as pool:
            drops = list(pool.map(lambda name: drop(name, pictures[name], metadata), wanted))
        names = {drop.track: drop.name for drop in drops}
        for sighting in sightings(session, list(names)):
            name = names[sighting.track]
            progress.show(name, sighting.document)
            documents[name] = sighting.document
        times = {name: (progress.first_sound_seconds(name), progress.seconds(name)) for name in wanted}
    ready = {name for name, document in documents.items() if document["status"] == Status.READY}
    places = {name: out / folder for name, folder in folders(pictures).items()}
    for name in sorted(ready):
        _save(documents[name]["music"], places[name])
    _print_table(documents, times, places)
    print(f"\nThe music is in {out}/")
    return len(ready) == len(pictures)


def _save(music: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    base = music["url"].removesuffix(MUSIC)
    notes = {MUSIC_MIDI: "midiUrl", MUSIC_SCORE: "scoreUrl"}
    # The folder may hold the notes of other music, which an earlier run made.
    for file in notes:
        (folder / file).unlink(missing_ok=True)
    for file in (MUSIC, MUSIC_WAV, *(file for file, url in notes.items() if url in music), COVER, TRACK):
        with urllib.request.urlopen(base + file, timeout=30) as response:
            (folder / file).write_bytes(response.read())


def _print_table(
    documents: dict[str, dict[str, Any]], times: dict[str, tuple[float, float]], places: dict[str, Path]
) -> None:
    width = max(map(len, documents))
    print()
    for name, document in documents.items():
        brief, music = document.get("brief"), document.get("music") or {}
        if document["status"] != Status.READY or brief is None:
            print(f"{name:<{width}}  {words(document)}")
            continue
        first, last = times[name]
        facts = (
            f"first sound {first:4.1f} s  music {last:4.1f} s  "
            f"{music['durationSeconds']:5.1f} s long  {music['loudnessLufs']:6.1f} LUFS  "
            f"{brief['tempoBpm']:3d} BPM  {brief['key']:<8}  {brief['genre']}"
        )
        print(f"{name:<{width}}  {facts}\n{'':<{width}}  {brief['title']} — {brief['caption']}")
        print(f"{'':<{width}}  {places[name]}/")
