"""Compute the melody's figures for public-domain tunes, for the table of ``make eval-music``.

To recompute ``reference_tunes.json``, with music21 in an environment of its own::

    python3 -m venv /tmp/music21 && /tmp/music21/bin/pip install music21==10.5.1
    /tmp/music21/bin/python benchmarks/corpus_tunes.py > /tmp/tunes.json
    PYTHONPATH=src:. .venv/bin/python -m benchmarks.reference_tunes < /tmp/tunes.json
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.figures.columns import tune_figures
from benchmarks.figures.playing import Playing

_STORED: Final = Path(__file__).with_suffix(".json")


def main() -> None:
    """Read the tunes from the standard input, and store the medians of each collection."""
    collections: dict[str, list[dict[str, Any]]] = json.load(sys.stdin)
    stored = {name: _medians(tunes) for name, tunes in collections.items()}
    _STORED.write_text(json.dumps(stored, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def stored() -> dict[str, dict[str, float]]:
    """Return the stored medians by collection."""
    medians: dict[str, dict[str, float]] = json.loads(_STORED.read_text(encoding="utf-8"))
    return medians


def _medians(tunes: list[dict[str, Any]]) -> dict[str, float]:
    rows = [_figures(tune) for tune in tunes]
    names = dict.fromkeys(name for row in rows for name in row)
    medians = {name: round(float(np.median([row[name] for row in rows if name in row])), 3) for name in names}
    return {"tunes": len(tunes)} | medians


def _figures(tune: dict[str, Any]) -> dict[str, float]:
    """Return a tune's figures; those of 30 and 60 s need a tune that lasts nearly so long."""
    playing = Playing.of_events({"lead": tune["events"]}, tune["tempo"], tune["beats"])
    lasts = tune["events"][-1][1]
    return tune_figures(playing, lasts * 1.1)


if __name__ == "__main__":
    main()
