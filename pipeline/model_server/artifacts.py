"""Get the model's files from ``AIP_STORAGE_URI``."""

from pathlib import Path


class ArtifactsError(Exception):
    """``AIP_STORAGE_URI`` names no model."""


def local_folder(uri: str, directory: Path) -> Path:
    """Return the folder of the model's files; those at ``gs://bucket/prefix`` are copied into ``directory``."""
    if uri.startswith("gs://"):
        _download(uri, directory)
        return directory
    folder = Path(uri)
    if not uri or not folder.is_dir():
        raise ArtifactsError(f"AIP_STORAGE_URI must name a folder or gs://bucket/prefix, not {uri!r}")
    return folder


def _download(uri: str, directory: Path) -> None:
    from google.cloud import storage

    bucket, _, prefix = uri.removeprefix("gs://").partition("/")
    prefix = prefix.rstrip("/") + "/" if prefix else ""
    has_files = False
    for blob in storage.Client().list_blobs(bucket, prefix=prefix):
        name = blob.name.removeprefix(prefix)
        target = (directory / name).resolve()
        if not name or name.endswith("/") or not target.is_relative_to(directory.resolve()):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        blob.download_to_filename(str(target))
        has_files = True
    if not has_files:
        raise ArtifactsError(f"AIP_STORAGE_URI names {uri}, where nothing is")
