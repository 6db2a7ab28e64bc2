"""Log-based metrics, alert policies and a dashboard, from infra/monitoring."""

import json
from functools import partial
from pathlib import Path
from typing import Final

from infra.content import short_hash, written
from infra.gcloud import Call, Patience, gcloud
from infra.installation import INFRA, Installation
from infra.jobs import Job
from infra.resources import BARRIER, Resource, Step, Unwanted
from infra.settings import setting
from infra.stops import StillEarlyError

_TEMPLATES: Final = INFRA / "monitoring"


def monitoring(at: Installation) -> Step:
    """Create the channel, then the metrics, then the alerts and the dashboard; delete alerts that no file describes."""
    operators, email = f"{at.names.app} operators", setting(at, "ALERT_EMAIL")
    if email:
        label = f"email_address={email}"
        yield Resource(
            "channels",
            operators,
            "notification channel",
            want={"labels/email_address": email},
            create=gcloud(
                "beta monitoring channels create",
                *(f"--display-name={operators}", "--type=email", f"--channel-labels={label}"),
            ),
            change=gcloud(
                "beta monitoring channels update",
                *(at.fact("channels", operators, "name"), f"--update-channel-labels={label}"),
            ),
        )
        yield BARRIER

    for template in sorted(_TEMPLATES.glob("metric-*.json")):
        file = _filled(at, template)
        name = f"{at.names.app}-{template.stem.removeprefix('metric-')}"
        yield Resource(
            "metrics",
            name,
            "log-based metric",
            want={"filter": json.loads(file.read_text(encoding="utf-8"))["filter"]},
            create=gcloud("logging metrics create", name, f"--config-from-file={file}"),
            change=gcloud("logging metrics update", name, f"--config-from-file={file}"),
        )
    yield BARRIER

    channel = json.dumps(at.fact("channels", operators, "name")) if email else ""
    alerts = [_alert(at, _filled(at, file, CHANNELS=channel)) for file in sorted(_TEMPLATES.glob("alert-*.json"))]
    yield from alerts
    yield from _earlier_alerts(at, {alert.name for alert in alerts})
    yield _dashboard(at)


def _filled(at: Installation, template: Path, **words: str) -> Path:
    """Write a template with this installation's names, and return the file."""
    text = template.read_text(encoding="utf-8")
    for word, value in {"APP": at.names.app, "PROJECT": at.names.project, "REGION": at.names.region, **words}.items():
        text = text.replace(word, value)
    return written(at.work / "monitoring" / template.name, text)


def _alert(at: Installation, file: Path) -> Resource:
    title, release = json.loads(file.read_text(encoding="utf-8"))["displayName"], short_hash(file.read_bytes())
    source, labels = f"--policy-from-file={file}", f"app={at.names.app},release={release}"
    create = gcloud("alpha monitoring policies create", source, f"--user-labels={labels}", patience=(_EARLY,))
    name = at.fact("policies", title, "name")
    change = gcloud(
        "alpha monitoring policies update", name, source, f"--update-user-labels={labels}", patience=(_EARLY,)
    )
    return Resource(
        "policies",
        title,
        "alert policy",
        want={"userLabels/release": release},
        create=partial(_alerted, at, title, create),
        change=partial(_alerted, at, title, change),
    )


def _earlier_alerts(at: Installation, wanted: set[str]) -> Step:
    """Delete an earlier release's policies, because each condition costs money. A person's policies lack the label."""
    for title in at.state.names("policies", f"{at.names.app}: "):
        if title not in wanted and at.fact("policies", title, "userLabels/app") == at.names.app:
            delete = gcloud("alpha monitoring policies delete", at.fact("policies", title, "name"))
            yield Unwanted("policies", title, "alert policy", delete)


_EARLY: Final = Patience("Cannot find metric", 120, "Cloud Monitoring may need ten minutes to see a new metric")


def _alerted(at: Installation, title: str, call: Call, job: Job) -> None:
    """Write an alert policy; one whose metric stays unknown is a warning, not a failure."""
    try:
        job.call(call)
    except StillEarlyError:
        job.warn(
            f"the alert policy '{title}' is missing: Cloud Monitoring does not see its metric yet."
            f" Run 'make deploy PROJECT={at.names.project}' again in ten minutes."
        )


def _dashboard(at: Installation) -> Resource:
    file, name = _filled(at, _TEMPLATES / "dashboard.json"), at.names.app
    board = file.read_text(encoding="utf-8")
    release = short_hash(board.encode())
    with_release = board.replace('"RELEASE"', json.dumps(release))
    config = f"--config-from-file={written(file, with_release)}"
    current, etag = at.fact("dashboards", name, "name"), at.fact("dashboards", name, "etag")

    def change(job: Job) -> None:
        with_etag = json.loads(file.read_text(encoding="utf-8")) | {"etag": etag}
        written(file, json.dumps(with_etag))
        job.call(gcloud("monitoring dashboards update", current, config))

    return Resource(
        "dashboards",
        name,
        "dashboard",
        want={"labels/release": release},
        create=gcloud("monitoring dashboards create", config),
        change=change,
    )
