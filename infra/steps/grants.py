"""The grants of roles.md on everything that exists before the functions."""

from infra import policies
from infra.installation import Installation
from infra.resources import Step


def grants(at: Installation) -> Step:
    """Write the policies of all resources but functions and deliveries."""
    for resource in policies.homes():
        # The sink's writer is known only when the sink exists.
        early = resource == "topic pipeline-events" and not at.sink_writer
        if not early and resource.partition(" ")[0] not in {"function", "subscription"}:
            yield policies.granted(at, resource)
