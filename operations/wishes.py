"""Check the wishes for the music that a command passes to its pictures: ``python -m operations.wishes``.

It needs the standard library alone, so that `make` can refuse a wish before it installs anything.
"""

import os
import sys
from typing import Final

from musicgenerator.briefs import DURATION_SECONDS, LANGUAGES

LANGUAGE: Final = "BRIEF_LANGUAGE"
SECONDS: Final = "SECONDS_OF_MUSIC"
LANGUAGE_KEY: Final = "language"


class WishError(Exception):
    """A wish is unknown; the message names its variable and what it may be."""


def metadata(language: str, seconds: str) -> dict[str, str]:
    """Return the custom metadata of pictures with these wishes; an empty wish is left out.

    Raises WishError for a language or a length that no brief can have.
    """
    language, seconds = language.strip(), seconds.strip()
    least, most = DURATION_SECONDS
    if language and language not in LANGUAGES:
        raise WishError(f"{LANGUAGE} must be {' or '.join(LANGUAGES)}, not {language!r}.")
    if seconds and not (seconds.isascii() and seconds.isdecimal() and least <= int(seconds) <= most):
        raise WishError(f"{SECONDS} must be a whole number from {least} to {most}, not {seconds!r}.")
    wishes = {LANGUAGE_KEY: language, "durationSeconds": seconds}
    return {name: value for name, value in wishes.items() if value}


def main() -> int:
    """Check the wishes in the environment."""
    try:
        metadata(os.environ.get(LANGUAGE, ""), os.environ.get(SECONDS, ""))
    except WishError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
