"""Pictures in, music out: drops pictures, follows their tracks and saves what became of them."""

import json
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from localcloud.addresses import REPOSITORY
from musicgenerator.results import COVER, MUSIC, MUSIC_WAV, TRACK
from musicgenerator.states import Status
from operations.dropping import Drop, named
from operations.following import sightings
from operations.progress import Progress

PHOTOS: Final = REPOSITORY / "localcloud" / "photos"

Dropper = Callable[[str, Path, dict[str, str]], Drop]


def make_music(paths: list[Path], session: str, dropper: Dropper, metadata: dict[str, str], out: Path | None) -> bool:
    """Drop the pictures, follow them to their ends, save the results under ``out`` and print a table.

    Returns whether every track became ready.
    """
    pictures = named(paths)
    documents: dict[str, dict[str, Any]] = {}
    with Progress(list(pictures)) as progress:
        with ThreadPoolExecutor(max_workers=4) as pool:
            drops = list(pool.map(lambda name: dropper(name, pictures[name], metadata), pictures))
        names = {drop.track: drop.name for drop in drops}
        for sighting in sightings(session, list(names)):
            name = names[sighting.track]
            progress.show(name, sighting.status, _detail(sighting.status, sighting.document))
            documents[name] = sighting.document
        times = {name: progress.seconds(name) for name in pictures}
    ready = {name for name, document in documents.items() if document["status"] == Status.READY}
    if out is not None:
        for name in sorted(ready):
            _save(documents[name]["music"], out / pictures[name].stem)
    _print_table(documents, times, out)
    return len(ready) == len(pictures)


def _detail(status: Status, document: dict[str, Any]) -> str:
    if error := document.get("error"):
        return f"{error['message']} ({error['code']})"
    brief = document.get("brief")
    return brief["title"] if brief and status in {Status.CAPTIONED, Status.READY} else ""


def _save(music: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    base = music["url"].removesuffix(MUSIC)
    for file in (MUSIC, MUSIC_WAV, COVER, TRACK):
        with urllib.request.urlopen(base + file, timeout=30) as response:  # noqa: S310  an address from the track
            (folder / file).write_bytes(response.read())


def _print_table(documents: dict[str, dict[str, Any]], times: dict[str, float], out: Path | None) -> None:
    width = max(map(len, documents))
    print()
    for name, document in documents.items():
        brief, music = document.get("brief"), document.get("music") or {}
        if document["status"] != Status.READY or brief is None:
            print(f"{name:<{width}}  {document['status']}: {json.dumps(document.get('error'), ensure_ascii=False)}")
            continue
        facts = (
            f"{times[name]:5.1f} s  {music['durationSeconds']:5.1f} s of music  {music['loudnessLufs']:6.1f} LUFS  "
            f"{brief['tempoBpm']:3d} BPM  {brief['key']:<8}  {brief['genre']}"
        )
        print(f"{name:<{width}}  {facts}\n{'':<{width}}  {brief['title']} — {brief['caption']}")
    if out is not None:
        print(f"\nThe music is in {out}/")
