"""Which of the page's files are stored compressed, for the deployment, the local page server and the benchmark.

Cloud Storage compresses nothing that it serves, and serves what gcloud has stored compressed (``no-transform``) only in
that form. Browsers read it; programs that make previews of links may not, so the documents are stored as they are.
"""

from typing import Final

FOLDER: Final = "assets"
TYPES: Final = ("js", "css", "json", "txt")


def is_compressed(path: str) -> bool:
    """Say whether a file is stored compressed; ``path`` is relative to the page's folder."""
    folder, _, name = path.partition("/")
    return folder == FOLDER and name.endswith(tuple(f".{kind}" for kind in TYPES))
