"""The part of the API's list filter that this server supports: state, display name and labels, joined by AND."""

import re
from typing import Final

from localcloud.servers.google_errors import GoogleError
from localcloud.vertex.jobs import PipelineJob

_CONDITION: Final = re.compile(
    r"""(?P<field>[\w.-]+)\s*(?P<operator>!=|=|:)\s*(?P<quote>["']?)(?P<value>[^"']*)(?P=quote)"""
)


def matches(job: PipelineJob, expression: str) -> bool:
    """Return whether a filter selects a job; raise INVALID_ARGUMENT for a filter that is not supported."""
    return all(_holds(job, condition) for condition in re.split(r"\s+AND\s+", expression.strip()) if condition)


def _holds(job: PipelineJob, condition: str) -> bool:
    match = _CONDITION.fullmatch(condition.strip())
    if match is None:
        raise GoogleError("INVALID_ARGUMENT", f'List filter "{condition}" is not supported here.')
    field, operator, value = match["field"], match["operator"], match["value"]
    if field == "state":
        present: str | None = job.state.name
    elif field in {"display_name", "displayName"}:
        present = str(job.request.fields.get("displayName", ""))
    elif field.startswith("labels."):
        present = job.request.labels.get(field.removeprefix("labels."))
    else:
        raise GoogleError("INVALID_ARGUMENT", f'List filter field "{field}" is not supported here.')
    if operator == ":" and value == "*":
        return present is not None
    return (present == value) is (operator != "!=")
