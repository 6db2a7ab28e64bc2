"""Hashes of files, and the small files that a deployment writes for gcloud."""

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

HASH_LETTERS: Final = 40


def short_hash(data: bytes) -> str:
    """Return a hash that fits into a label."""
    return hashlib.sha256(data).hexdigest()[:HASH_LETTERS]


def files(root: Path, *parts: str) -> dict[str, Path]:
    """Return all files below these parts of a folder, by their names in it; the parts may be patterns."""
    paths = [path for part in parts for path in root.glob(part)]
    inside = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))]
    named = {str(file.relative_to(root)): file for file in inside if file.is_file() and "__pycache__" not in file.parts}
    return dict(sorted(named.items()))


def content_hash(root: Path, *parts: str) -> str:
    """Return a hash of the names and contents of all files below these parts of a folder."""
    lines = (f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {name}\n" for name, file in files(root, *parts).items())
    return short_hash("".join(lines).encode())


def copied(root: Path, target: Path, *parts: str) -> Path:
    """Copy these parts of a folder into an empty one, and return that."""
    shutil.rmtree(target, ignore_errors=True)
    for name, file in files(root, *parts).items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target / name)
    return target


def yaml_lines(values: Iterable[tuple[str, str]]) -> str:
    """Return settings as YAML, in which every JSON text is valid."""
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in values)


def written(path: Path, text: str) -> Path:
    """Write a file, and its folder, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
