"""Print public-domain tunes of music21's corpus as JSON, as they are played with their repeats.

It runs in an environment that has only music21; ``benchmarks/reference_tunes.py`` has the commands.
The tunes were printed in 1778 (Aird), 1883 (Ryan) and 1903 (O'Neill).
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from music21 import common, converter, meter, tempo

_CORPUS: Final = Path(common.getCorpusFilePath())
_TUNES: Final = 60  # of a collection
_QUARTERS_A_MINUTE: Final = 110.0
_COLLECTIONS: Final = {
    "Aird's Airs, volume 1": ("airdsAirs/book1.abc",),
    "O'Neill's Music of Ireland": (
        "oneills1850/0001-0050.abc", "oneills1850/0301-0350.abc", "oneills1850/1001-1050.abc",
    ),
    "Ryan's Mammoth Collection": ("ryansMammoth/*.abc",),
}  # fmt: skip


def main() -> None:
    """Print each collection's tunes: title, beats in a bar, and events of on, off (seconds) and MIDI pitch."""
    print(json.dumps({name: _spread(paths) for name, paths in _COLLECTIONS.items()}))


def _spread(patterns: tuple[str, ...]) -> list[dict[str, Any]]:
    files = [path for pattern in patterns for path in sorted(_CORPUS.glob(pattern))]
    step = max(1, len(files) // _TUNES)
    scores = [score for path in files[::step] for score in _scores(path)]
    chosen = scores[:: max(1, len(scores) // _TUNES)][:_TUNES]
    return [tune for tune in map(_tune, chosen) if tune["events"]]


def _scores(path: Path) -> Iterator[Any]:
    parsed = converter.parse(path)
    yield from parsed.scores if hasattr(parsed, "scores") and len(parsed.scores) else [parsed]


def _tune(score: Any) -> dict[str, Any]:
    part = score.parts[0]
    try:
        part = part.expandRepeats()
    except Exception as error:  # noqa: BLE001  # music21 raises many kinds for a repeat that it does not understand
        print(f"{score.metadata.title}: as written, {error}", file=sys.stderr)
    signature = part.recurse().getElementsByClass(meter.TimeSignature).first()
    marks = part.recurse().getElementsByClass(tempo.MetronomeMark)
    quarters = marks.first().getQuarterBPM() if marks else None
    second = 60 / (quarters or _QUARTERS_A_MINUTE)
    notes = [note for note in part.stripTies().flatten().notes if note.isNote and note.quarterLength > 0]
    return {
        "title": score.metadata.title,
        "beats": float(signature.barDuration.quarterLength) if signature else 4.0,
        "tempo": 60 / second,
        "events": [
            (float(note.offset) * second, float(note.offset + note.quarterLength) * second, note.pitch.midi)
            for note in notes
        ],
    }


if __name__ == "__main__":
    main()
