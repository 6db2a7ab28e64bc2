"""The body of a create request, with the API's checks."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from localcloud.servers.google_errors import GoogleError

# The fields that a client may set; the API accepts and ignores the output-only ones.
WRITABLE: Final = (
    "displayName",
    "pipelineSpec",
    "labels",
    "runtimeConfig",
    "encryptionSpec",
    "serviceAccount",
    "network",
    "reservedIpRanges",
    "pscInterfaceConfig",
    "templateUri",
    "preflightValidations",
)
OUTPUT_ONLY: Final = (
    "name",
    "createTime",
    "startTime",
    "endTime",
    "updateTime",
    "state",
    "jobDetail",
    "error",
    "templateMetadata",
    "scheduleName",
)

_JOB_ID: Final = re.compile(r"[a-z][-a-z0-9]{0,127}")
_LABEL: Final = re.compile(r"[a-z0-9_\-]{0,63}")


@dataclass(frozen=True)
class PipelineRequest:
    """A job that can run: the resource's fields as sent, and the parameters with their types."""

    fields: Mapping[str, Any]
    parameters: Mapping[str, Any]

    @classmethod
    def from_json(cls, body: object) -> Self:
        """Read a PipelineJob; raise INVALID_ARGUMENT naming the field that is wrong."""
        if not isinstance(body, dict):
            raise GoogleError("INVALID_ARGUMENT", "Invalid JSON payload received. Root element must be a message.")
        named = {_camel(name): value for name, value in body.items()}
        for name in named:
            if name not in WRITABLE and name not in OUTPUT_ONLY:
                raise GoogleError(
                    "INVALID_ARGUMENT",
                    f"Invalid JSON payload received. Unknown name \"{name}\" at 'pipeline_job': Cannot find field.",
                )
        fields = {name: value for name, value in named.items() if name in WRITABLE and value not in ("", None)}
        _check_labels(fields.get("labels", {}))
        spec = fields.get("pipelineSpec")
        if not isinstance(spec, dict) or not spec:
            raise GoogleError("INVALID_ARGUMENT", "pipeline_spec is required: this server fetches no template_uri.")
        config = fields.get("runtimeConfig")
        root = config.get("gcsOutputDirectory") if isinstance(config, dict) else None
        if not isinstance(config, dict) or not isinstance(root, str) or not root.startswith("gs://"):
            raise GoogleError("INVALID_ARGUMENT", "runtime_config.gcs_output_directory must be a path gs://BUCKET/...")
        return cls(fields, _parameters(_declared(spec), config.get("parameterValues", {})))

    @property
    def machines(self) -> str:
        """The persistent resource that the job names, empty if it names none."""
        runtime = self.fields["runtimeConfig"].get("defaultRuntime", {})
        return str(runtime.get("persistentResourceRuntimeDetail", {}).get("persistentResourceName", ""))

    @property
    def spec(self) -> Mapping[str, Any]:
        """The compiled pipeline."""
        spec: Mapping[str, Any] = self.fields["pipelineSpec"]
        return spec

    @property
    def pipeline_name(self) -> str:
        """The name in the compiled pipeline."""
        return str(self.spec["pipelineInfo"]["name"])

    @property
    def labels(self) -> Mapping[str, str]:
        """The job's labels."""
        labels: Mapping[str, str] = self.fields.get("labels", {})
        return labels


def checked_job_id(job_id: str) -> str:
    """Return the id; raise INVALID_ARGUMENT if the API does not accept it."""
    if not _JOB_ID.fullmatch(job_id):
        raise GoogleError(
            "INVALID_ARGUMENT", f'Invalid pipeline_job_id "{job_id}": it must match ^[a-z][-a-z0-9]{{0,127}}$.'
        )
    return job_id


def _declared(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        complete = spec["pipelineInfo"]["name"] and spec["deploymentSpec"]["executors"] and spec["schemaVersion"]
        declared: Mapping[str, Any] = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    except (KeyError, TypeError, AttributeError):
        complete = False
    if not complete:
        needed = "pipelineInfo.name, deploymentSpec.executors, schemaVersion and root"
        raise GoogleError("INVALID_ARGUMENT", f"pipeline_spec is not a compiled pipeline: it needs {needed}.")
    return declared


def _parameters(declared: Mapping[str, Any], given: object) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise GoogleError("INVALID_ARGUMENT", "runtime_config.parameter_values must be an object.")
    for name in given:
        if name not in declared:
            raise GoogleError("INVALID_ARGUMENT", f'Parameter "{name}" is not an input of the pipeline.')
    for name, definition in declared.items():
        if name not in given and "defaultValue" not in definition and not definition.get("isOptional"):
            raise GoogleError("INVALID_ARGUMENT", f'Parameter "{name}" is required by the pipeline and missing.')
    return {name: _typed(name, value, declared[name].get("parameterType", "")) for name, value in given.items()}


def _typed(name: str, value: object, kind: str) -> object:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    accepts: Mapping[str, Callable[[], bool]] = {
        "STRING": lambda: isinstance(value, str),
        "NUMBER_INTEGER": lambda: is_number and float(str(value)).is_integer(),
        "NUMBER_DOUBLE": lambda: is_number,
        "BOOLEAN": lambda: isinstance(value, bool),
        "LIST": lambda: isinstance(value, list),
        "STRUCT": lambda: isinstance(value, dict),
    }
    if kind not in accepts or not accepts[kind]():
        raise GoogleError("INVALID_ARGUMENT", f'Parameter "{name}" is of type {kind} and cannot be {value!r:.80}.')
    # The values arrive as google.protobuf.Value, which has no integers.
    return int(float(str(value))) if kind == "NUMBER_INTEGER" else value


def _check_labels(labels: object) -> None:
    if not isinstance(labels, dict) or not all(
        isinstance(text, str) and _LABEL.fullmatch(text) for pair in labels.items() for text in pair
    ):
        raise GoogleError(
            "INVALID_ARGUMENT",
            "labels: keys and values must be at most 63 lower-case letters, digits, underscores and dashes.",
        )


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
