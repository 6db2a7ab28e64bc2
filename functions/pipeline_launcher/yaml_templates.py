"""Read the compiled pipeline that the deployment stored."""

from collections.abc import Mapping
from typing import Any, Protocol

import yaml

from musicgenerator.settings import SettingInvalidError


class Objects(Protocol):
    def read(self, bucket: str, name: str) -> bytes | None: ...


def template_at(address: str, objects: Objects) -> Mapping[str, Any]:
    """Return the pipeline spec at a ``gs://bucket/name`` address; raise SettingInvalidError if there is none."""
    bucket, _, name = address.removeprefix("gs://").partition("/")
    if not address.startswith("gs://") or not name:
        raise SettingInvalidError(f"PIPELINE_TEMPLATE must look like gs://bucket/name, not {address!r}")
    data = objects.read(bucket, name)
    if data is None:
        raise SettingInvalidError(f"PIPELINE_TEMPLATE names {address}, which does not exist: deploy the pipeline first")
    try:
        spec = yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both are safe
    except yaml.YAMLError as error:
        raise SettingInvalidError(f"PIPELINE_TEMPLATE names {address}, which is not YAML: {error}") from error
    if not isinstance(spec, dict) or "root" not in spec:
        raise SettingInvalidError(f"PIPELINE_TEMPLATE names {address}, which is not a compiled pipeline")
    return spec
