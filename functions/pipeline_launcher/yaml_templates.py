"""Read the compiled pipeline that the deployment stored."""

import hashlib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final, Protocol

import yaml

from musicgenerator.settings import SettingInvalidError

_MIN_HASH_LETTERS: Final = 40


class Objects(Protocol):
    def read(self, bucket: str, name: str) -> bytes | None: ...


def template_at(address: str, objects: Objects) -> Mapping[str, Any]:
    """Return the pipeline spec at a ``gs://bucket/folder/HASH.yaml`` address.

    Raises SettingInvalidError if there is none, or if ``HASH`` is not how the SHA-256 of its content begins: then
    somebody has changed what jobs would run.
    """
    bucket, _, name = address.removeprefix("gs://").partition("/")
    if not address.startswith("gs://") or not name:
        raise SettingInvalidError(f"PIPELINE_TEMPLATE must look like gs://bucket/name, not {address!r}")
    data = objects.read(bucket, name)
    if data is None:
        raise SettingInvalidError(f"PIPELINE_TEMPLATE names {address}, which does not exist: deploy the pipeline first")
    named = PurePosixPath(name).stem
    if len(named) < _MIN_HASH_LETTERS or not hashlib.sha256(data).hexdigest().startswith(named):
        raise SettingInvalidError(f"PIPELINE_TEMPLATE names {address}, but the hash of its content is another")
    try:
        spec = yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both are safe
    except yaml.YAMLError as error:
        raise SettingInvalidError(f"PIPELINE_TEMPLATE names {address}, which is not YAML: {error}") from error
    if not isinstance(spec, dict) or "root" not in spec:
        raise SettingInvalidError(f"PIPELINE_TEMPLATE names {address}, which is not a compiled pipeline")
    return spec
