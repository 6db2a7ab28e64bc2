"""List the music engines with price, length, rate and licence: ``python -m pipeline.engines``."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.engines import Cloud, engine_named
from pipeline.engines.composer import MODEL as COMPOSER_MODEL
from pipeline.engines.errors import EngineNotConfiguredError
from pipeline.engines.lyria import (
    LYRIA_2_MODEL,
    LYRIA_2_USD,
    LYRIA_3_CLIP_MODEL,
    LYRIA_3_CLIP_USD,
    LYRIA_3_PRO_MODEL,
    LYRIA_3_PRO_USD,
)


@dataclass(frozen=True)
class EngineFacts:
    """The facts by which a person chooses an engine."""

    model: str
    price: str
    length: str
    rate: str
    licence: str


FACTS: Final[Mapping[str, EngineFacts]] = {
    "composer": EngineFacts(
        COMPOSER_MODEL, "free", "10-180 s", "44.1 kHz", "the music is yours; soundfont under the MIT licence"
    ),
    "lyria-002": EngineFacts(
        LYRIA_2_MODEL, f"{LYRIA_2_USD:.2f} USD a take", "about 30 s *", "48 kHz", "Google Cloud's terms of service"
    ),
    "lyria-3-clip": EngineFacts(
        LYRIA_3_CLIP_MODEL,
        f"{LYRIA_3_CLIP_USD:.2f} USD a take",
        "30 s *",
        "44.1 kHz",
        "Google Cloud's terms of service, preview",
    ),
    "lyria-3-pro": EngineFacts(
        LYRIA_3_PRO_MODEL,
        f"{LYRIA_3_PRO_USD:.2f} USD a take",
        "up to 184 s",
        "44.1 kHz",
        "Google Cloud's terms of service, preview",
    ),
    "endpoint": EngineFacts(
        "your own",
        "its machines by the hour",
        "MusicGen: 30 s *",
        "MusicGen: 32 kHz",
        "the model's own; MusicGen's weights are CC-BY-NC: no commercial use",
    ),
}
NOTE: Final = "* Longer music is made by repeating it with a crossfade, shorter by fading it out."

LOCAL: Final = (
    "The last column is about Google Cloud. The local cloud needs no settings and plays a stand-in for each Lyria:\n"
    '  ALLOWED_ENGINES="lyria-002 lyria-3-clip lyria-3-pro" make run'
)

_HEADINGS: Final = ("engine", "model", "price", "length", "rate", "licence", "at Google")


def rows(environ: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Return a row for each engine; the last cell is ``yes`` or the missing setting."""
    cloud = Cloud(
        environ.get("GOOGLE_CLOUD_PROJECT", ""), environ.get("VERTEX_URL", ""), environ.get("MODEL_ENDPOINT", "")
    )
    return [
        (name, facts.model, facts.price, facts.length, facts.rate, facts.licence, _available(name, cloud))
        for name, facts in FACTS.items()
    ]


def _available(name: str, cloud: Cloud) -> str:
    # This sends no request: it checks settings and credentials only.
    try:
        engine_named(name, cloud)
    except EngineNotConfiguredError as error:
        return f"no: {error}"
    return "yes"


def main() -> None:
    """Print the table."""
    table = [_HEADINGS, *rows(os.environ)]
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEADINGS))]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    sys.stdout.write(f"\n{NOTE}\n{LOCAL}\n")


if __name__ == "__main__":
    main()
