"""Draw where the milliseconds of one warm track go: ``python -m benchmarks.trace docs/trace.svg``.

The functions are unchanged; ``benchmarks/tracing`` on their path records each request and each call in it.
"""

import itertools
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Final

from benchmarks.costs import markdown
from benchmarks.stage import Stage, stage
from localcloud.addresses import REPOSITORY
from localcloud.parts import FUNCTIONS
from localcloud.supervisor import Supervisor
from musicgenerator import ids
from musicgenerator.states import Status
from tests.support.visitors import drop, picture

_WARM: Final = 20
_GIVE_UP_SECONDS: Final = 60.0
_WAYS: Final = ("captioner", "sketcher", "pipeline_launcher", "result_notifier")
# It works beside the others, and the music does not wait for it.
_ASIDE: Final = "sketcher"
_OWN: Final = "Python itself"
_DELIVERY: Final = "deliveries"
_MODELS: Final = ("OpenAI", "the engine")
_COLOURS: Final = {
    "Firestore": "#c2410c",
    "Cloud Storage": "#0f766e",
    "Pub/Sub": "#a16207",
    "Vertex AI": "#1d4ed8",
    "Telemetry": "#be185d",
    "OpenAI": "#7c3aed",
    "the engine": "#7c3aed",
    _OWN: "#cbd5d1",
}


@dataclass(frozen=True)
class Span:
    """An activity from ``began`` to ``ended``, in seconds of the epoch."""

    name: str
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """Its duration."""
        return self.ended - self.began


@dataclass(frozen=True)
class Trace:
    """One track from its finalized object to its last write: each function's request and the calls in it."""

    began: float
    ended: float
    requests: dict[str, Span]
    calls: dict[str, list[Span]]
    engine: Span


def main(target: str) -> None:
    """Trace one track, write the SVG file and print the sums."""
    with stage() as up:
        trace = _traced(up)
    Path(target).write_text(_svg(trace), encoding="utf-8")
    print(markdown(["", "milliseconds"], [[name, f"{1000 * seconds:.0f}"] for name, seconds in _sums(trace)]))


def _traced(up: Stage) -> Trace:
    files = {name: up.addresses.home / f"trace-{name}.jsonl" for name in _WAYS}
    parts = [
        replace(part, environ=part.environ | _tracing(files[name])) if name in files else part
        for name, part in up.parts().items()
        if name in FUNCTIONS or name == "bridge"
    ]
    kinds = _kinds(up)
    for file in files.values():
        file.write_text("")
    with Supervisor(up.addresses.home / "logs", lambda _: None) as supervisor:
        supervisor.start(parts)
        for number in range(_WARM):
            _finished(up, drop(f"drop-trace-{number}", picture()))
        _await_requests(files[_ASIDE], _WARM)
        for file in files.values():
            file.write_text("")
        track = drop("drop-traced", picture())
        _finished(up, track)
        _await_requests(files[_ASIDE], 1)
        # The last request is recorded after the track is ready.
        time.sleep(1)
    found = {name: [Span(**json.loads(line)) for line in file.read_text().splitlines()] for name, file in files.items()}
    # A pipeline causes several events; the first request after the job's end settles the track.
    engine = Span("the engine", *up.await_job(ids.pipeline_job_id(track, 1)))
    requests = {
        name: next(
            span
            for span in spans
            if span.name == "request" and (name != "result_notifier" or span.began > engine.ended)
        )
        for name, spans in found.items()
    }
    calls = {
        name: [
            Span(kinds(span.name), span.began, span.ended)
            for span in spans
            if span.name != "request" and requests[name].began <= span.began <= requests[name].ended
        ]
        for name, spans in found.items()
    }
    timeline = up.document(track)["timeline"]
    finalized = json.loads(up.finalized("drop-traced.jpg"))
    began = datetime.fromisoformat(finalized["timeCreated"]).timestamp()
    return Trace(began, timeline[Status.READY].timestamp(), requests, calls, engine)


def _tracing(file: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(REPOSITORY / "benchmarks" / "tracing"), "TRACE_FILE": str(file)}


def _finished(up: Stage, track: str) -> None:
    until = time.monotonic() + _GIVE_UP_SECONDS
    while (document := up.document(track)).get("status") != Status.READY:
        if time.monotonic() > until:
            raise TimeoutError(f"{track} is {document.get('status')}")
        time.sleep(0.2)


def _await_requests(file: Path, count: int) -> None:
    """Wait until a function has answered so many requests: a sketch may be finished after its track."""
    until = time.monotonic() + _GIVE_UP_SECONDS
    while file.read_text().count('"request"') < count:
        if time.monotonic() > until:
            raise TimeoutError(f"{file.name} has fewer than {count} requests")
        time.sleep(0.2)


def _kinds(up: Stage) -> Callable[[str], str]:
    ports = {
        up.addresses.ports["page"]: "OpenAI",
        up.addresses.ports["vertex"]: "Vertex AI",
        up.addresses.ports["telemetry"]: "Telemetry",
    }

    def kind(name: str) -> str:
        service, detail, *_ = name.split(" ")
        if service == "port":
            return ports.get(int(detail), "Cloud Storage")
        return "Firestore" if service == "Firestore" else "Pub/Sub"

    return kind


def _pieces(trace: Trace) -> Iterable[Span]:
    """Split the time of the music into pieces, each named after its activity; of several, the one that began last."""
    bounds = [Span(_DELIVERY, trace.began, trace.ended), trace.engine]
    for name, request in trace.requests.items():
        if name == _ASIDE:
            continue
        bounds += [Span(_OWN, request.began, request.ended), *trace.calls[name]]
    times = sorted({moment for span in bounds for moment in (span.began, span.ended)})
    for began, ended in itertools.pairwise(times):
        if trace.began <= began and ended <= trace.ended:
            under_way = [span for span in bounds if span.began <= began and span.ended >= ended]
            yield Span(max(under_way, key=lambda span: span.began).name, began, ended)


def _sums(trace: Trace) -> list[tuple[str, float]]:
    pieces = list(_pieces(trace))
    names = [*(name for name in _COLOURS if name not in _MODELS), _DELIVERY, *_MODELS]
    sums = [(name, sum(piece.seconds for piece in pieces if piece.name == name)) for name in names]
    sketched = trace.requests[_ASIDE].ended - trace.began
    return [*sums, ("from the finalize to the URL", trace.ended - trace.began), ("to the sketch", sketched)]


_WIDTH: Final = 960
_LEFT: Final = 130
_ROW: Final = 44
_TICK_MILLISECONDS: Final = 100
_TITLE: Final = "One track, from the finalize of its picture to the sketch and the URL"


def _svg(trace: Trace) -> str:
    """Draw a row for each function and the engine; gaps in all rows are deliveries."""
    rows = [(name, [request, *trace.calls[name]]) for name, request in trace.requests.items()]
    rows.insert(-1, ("the engine", [trace.engine]))
    last = max(span.ended for _, spans in rows for span in spans)
    scale = (_WIDTH - _LEFT - 20) / (last - trace.began)
    height = _ROW * len(rows)

    def x(moment: float) -> float:
        return _LEFT + (moment - trace.began) * scale

    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height + 70}" role="img">',
        f"<title>{_TITLE}</title>",
        '<g font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height + 70}" fill="#fff"/>',
    ]
    for milliseconds in range(0, int(1000 * (last - trace.began)) + 1, _TICK_MILLISECONDS):
        at = x(trace.began + milliseconds / 1000)
        drawn.append(f'<path d="M{at:.1f} 0V{height}" stroke="#e5e7eb"/>')
        drawn.append(
            f'<text x="{at:.1f}" y="{height + 16}" text-anchor="middle" fill="#374151">{milliseconds} ms</text>'
        )
    end = x(trace.ended)
    drawn.append(f'<path d="M{end:.1f} 0V{height}" stroke="#111827" stroke-dasharray="4 3"/>')
    for number, (name, spans) in enumerate(rows):
        top = number * _ROW
        drawn.append(f'<text x="8" y="{top + 26}" fill="#111827">{escape(name)}</text>')
        for span in spans:
            whole = span.name in {"request", "the engine"}
            colour = _COLOURS[_OWN if span.name == "request" else span.name]
            high = 28 if whole else 16
            box = f'x="{x(span.began):.1f}" y="{top + 22 - high // 2}" height="{high}"'
            title = f"{escape(span.name)}: {1000 * span.seconds:.1f} ms"
            wide = max(0.6, span.seconds * scale)
            drawn.append(f'<rect {box} width="{wide:.1f}" fill="{colour}"><title>{title}</title></rect>')
    for number, (name, colour) in enumerate(each for each in _COLOURS.items() if each[0] != "the engine"):
        left = 8 + number * 128
        drawn.append(f'<rect x="{left}" y="{height + 36}" width="12" height="12" fill="{colour}"/>')
        label = "OpenAI, engine" if name == "OpenAI" else name
        drawn.append(f'<text x="{left + 18}" y="{height + 46}" fill="#111827">{escape(label)}</text>')
    return "\n".join([*drawn, "</g>", "</svg>", ""])


if __name__ == "__main__":
    main(sys.argv[1])
