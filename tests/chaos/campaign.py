"""One campaign: process many pictures at once while faults happen, then judge how each track ended."""

import math
import random
import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from google.cloud import firestore

from localcloud.addresses import PIPELINE_BUCKET, PROJECT, RESULTS_BUCKET
from localcloud.provision import storage_client
from musicgenerator.exports import EXPORT_FILES
from musicgenerator.ids import twin_of
from musicgenerator.orders import ORDERS_PREFIX
from musicgenerator.states import FINAL, Status
from tests.support.takes import stated_bytes
from tests.support.visitors import Visitor, drop, picture, put, visitors
from tests.support.witness import Witness
from tests.support.world import Run

VISITORS: Final = 16
# More tracks at once would only queue: two cores caption about two pictures a second.
MAX_UNDER_WAY: Final = 48
# If tracks are left behind, the campaign ends all the same.
MAX_WAIT_SECONDS: Final = 60.0
# The share of exported tracks that are erased while the export may be made.
_ERASED_SOURCES: Final = 0.5
MAX_MEAN_PAID: Final = 1.35
# A message about a job's end may be lost; its orders are deleted with its record, 20 seconds after its tracks' end.
ORDERS_PATIENCE_SECONDS: Final = 90.0


@dataclass
class Report:
    """The figures of a campaign, and by promise what broke it."""

    figures: dict[str, Any] = field(default_factory=dict)
    violations: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __str__(self) -> str:
        """Return the report as lines for the terminal."""
        lines = [f"{name:<34} {value}" for name, value in self.figures.items()]
        for promise, found in sorted(self.violations.items()):
            lines.append(f"{promise} BROKEN: {len(found)} times, for example {found[0]}")
        return "\n".join([*lines, "Every promise held." if not self.violations else "A promise was broken."])


@dataclass
class CalledOff:
    """When a visitor sent its command to cancel or erase a track, and when it was acknowledged, 0 if it was refused.

    ``twin_token`` is the folder of a second take that did not exist when the command was sent.
    """

    is_erased: bool
    sent: float
    token: str
    acknowledged: float = 0.0
    twin_token: str = ""


@dataclass(frozen=True)
class Campaign:
    """How many pictures to send, and how.

    Every second picture is uploaded by one of ``visitors`` sessions, the others are dropped.
    ``cancelled`` is the chance that a visitor cancels an upload, within 3 seconds after its track reached one of the
    states ``cancelled_at``, and ``erased`` the chance that it erases the track then. ``exported`` is the chance that it
    exports a track that is ready; half of these tracks are erased within 3 seconds, with their exports. If ``retries``
    is true, a visitor retries a failed track once. ``pairs`` is the chance that an upload asks for two takes. ``limit``
    is the daily limit of launches that the run was started with, 0 for none.
    ``meanwhile`` is called once, when half of the pictures are sent.
    The campaign ends when all tracks are final, or when no track has changed for ``patience`` seconds.
    """

    pictures: int
    cancelled: float = 0.0
    cancelled_at: tuple[Status, ...] = (Status.AWAITING_UPLOAD, Status.CAPTIONED, Status.COMPOSING)
    erased: float = 0.0
    exported: float = 0.0
    retries: bool = False
    pairs: float = 0.0
    limit: int = 0
    meanwhile: Callable[[], None] | None = None
    visitors: int = VISITORS
    patience: float = 40.0

    def fight(self, run: Run) -> Report:
        """Send the pictures, wait until no track changes any more, and judge."""
        started = time.monotonic()
        data = picture()
        tracks: dict[str, str] = {}
        pairs: dict[str, str] = {}
        called_off: dict[str, CalledOff] = {}
        with Witness() as witness:
            people = visitors(run.addresses, self.visitors)
            half = threading.Event()

            def send(number: int) -> None:
                if number == self.pictures // 2:
                    half.set()
                visitor = people[number % self.visitors]
                run.maybe_kill()
                until = time.monotonic() + MAX_WAIT_SECONDS
                while witness.under_way() > MAX_UNDER_WAY and time.monotonic() < until:
                    time.sleep(0.2)
                if number % 2:
                    name = f"drop-{number}"
                    track = drop(name, data)
                    witness.follow(run.session, track)
                    tracks[track] = name
                    return
                takes = 2 if random.random() < self.pairs else 1
                track, permit = visitor.announce(f"upload-{number}", takes=takes)
                witness.follow(visitor.session, track)
                tracks[track] = f"upload-{number}"
                if takes > 1:
                    pairs[track] = visitor.session
                put(permit, data)
                self._command(visitor, track, witness, called_off, tracks)

            def interrupt() -> None:
                half.wait()
                if self.meanwhile:
                    self.meanwhile()

            interruption = threading.Thread(target=interrupt)
            interruption.start()
            with ThreadPoolExecutor(self.visitors) as pool:
                list(pool.map(send, range(self.pictures)))
            interruption.join()
            witness.wait(self.patience)
            # The commit that describes a track creates its second take, so each exists now or never will.
            for track in pairs.keys() & {document["request"].get("twinOf") for document in tracks_by_id().values()}:
                witness.follow(pairs[track], twin_of(track))
            witness.wait(self.patience)
            # Events that arrive now are late and must change nothing.
            time.sleep(3)
            documents = tracks_by_id()
            report = self._judge(run, witness, documents, tracks, called_off, people, time.monotonic() - started)
            return _with_pairs(run, report, documents, pairs, called_off)

    def _command(
        self,
        visitor: Visitor,
        track: str,
        witness: Witness,
        called_off: dict[str, CalledOff],
        tracks: dict[str, str],
    ) -> None:
        """Cancel, erase, export or retry a track, or do nothing."""
        roll = random.random()
        if roll < self.cancelled + self.erased:
            witness.wait_for(track, random.choice(self.cancelled_at), self.patience)
            time.sleep(random.uniform(0, 3))
            is_erased = roll >= self.cancelled
            called_off[track] = ends = CalledOff(
                is_erased, time.monotonic(), token_of(track), twin_token=token_of(track, "twinToken")
            )
            if is_erased:
                visitor.erase(track)
                witness.dismiss(track)
                ends.acknowledged = time.monotonic()
            elif visitor.command(track, "cancel").ok:
                ends.acknowledged = time.monotonic()
        elif roll < self.cancelled + self.erased + self.exported:
            self._export(visitor, track, witness, called_off, tracks)
        elif self.retries:
            witness.wait_for(track, Status.FAILED, self.patience)
            if witness.has_failed(track) and visitor.command(track, "retry").ok:
                # The listener must know before the campaign may end.
                witness.wait_for_attempt(track, 2, self.patience)

    def _export(
        self,
        visitor: Visitor,
        track: str,
        witness: Witness,
        called_off: dict[str, CalledOff],
        tracks: dict[str, str],
    ) -> None:
        """Export a track once it is ready, by two equal requests; then erase the track, or do not."""
        witness.wait_for(track, Status.READY, self.patience)
        kind = random.choice(list(EXPORT_FILES))
        answers = [visitor.command(track, kind) for _ in range(2)]
        if not answers[0].ok:
            # It has failed.
            return
        export = str(answers[0].json()["track"])
        witness.follow(visitor.session, export)
        tracks[export] = f"{kind} of {tracks[track]}"
        if random.random() < _ERASED_SOURCES:
            time.sleep(random.uniform(0, 3))
            sent = time.monotonic()
            both = {each: CalledOff(is_erased=True, sent=sent, token=token_of(each)) for each in (export, track)}
            called_off |= both
            visitor.erase(track)
            for each, ends in both.items():
                witness.dismiss(each)
                ends.acknowledged = time.monotonic()

    def _judge(
        self,
        run: Run,
        witness: Witness,
        documents: dict[str, dict[str, Any]],
        tracks: dict[str, str],
        called_off: dict[str, CalledOff],
        people: list[Visitor],
        seconds: float,
    ) -> Report:
        report = Report()
        bad = report.violations
        erased = {track for track, each in called_off.items() if each.is_erased}
        _judge_tracks(documents, tracks, erased, bad)
        self._judge_launches(run, documents, len(erased), bad)
        self._judge_ends(run, documents, tracks, called_off, bad)
        bad_steps = witness.backward()
        if bad_steps:
            bad["P4"] += bad_steps
        self._judge_sketches(run, witness, documents, bad)
        self._judge_called_off(run, called_off, bad)
        paid, crashes = _paid(run, tracks)
        unheard = Counter(run.openai.unheard)
        # If the brief cannot be checked after its description, the next delivery pays for another one.
        unchecked = 1 if run.openai_api.faults.broken else 0
        for name, count in paid.items():
            if count > 1 + crashes[name] + unheard[name] + unchecked:
                reasons = f"{crashes[name]} crashes of its captioning and {unheard[name]} lost answers"
                bad["P5"].append(f"{name} was paid {count} times, with {reasons}")
        mean = sum(paid.values()) / max(1, len(paid))
        # The mean of few pictures varies, so it may be higher by two of its standard deviations.
        if mean > MAX_MEAN_PAID + 2 * statistics.pstdev(paid.values() or [0]) / math.sqrt(max(1, len(paid))):
            bad["P5"].append(f"{mean:.2f} paid calls a picture")
        most = max(paid.values(), default=0)
        kills = run.records("kills")
        resets = {part: proxy.resets for part, proxy in run.proxies.items()}
        in_a_job, not_begun = _called_off_in_a_job(run, called_off)
        report.figures = {
            "pictures": len(tracks),
            "seconds": round(seconds),
            "ends": dict(Counter(document["status"] for document in documents.values())),
            "reasons": dict(Counter((document.get("error") or {}).get("code", "") for document in documents.values())),
            "events / doubled / lost": f"{run.delivery.events} / {run.delivery.doubled} / {run.delivery.lost}",
            "kills at points / at random": f"{len(kills)} / {run.killed_at_random}",
            "kills by function": dict(Counter(kill[0] for kill in kills)),
            "jobs": len(run.runner.starts),
            "jobs by number of tracks": dict(sorted(Counter(run.runner.tracks_of.values()).items())),
            "called off in a job": in_a_job,
            "of these not begun": not_begun,
            "cancelled / erased in time": "{} / {}".format(*_in_time(called_off)),
            "exports": sum("export" in document["request"] for document in documents.values()),
            "sketches": sum(bool(document.get("sketch")) for document in documents.values()),
            "paid descriptions": f"{sum(paid.values())} for {len(paid)} pictures, mean {mean:.2f}, most {most}",
            "answers cut off": f"{run.openai_api.cut_answers} of OpenAI, {run.vertex.cut_answers} of Vertex AI",
            "connections reset": resets,
            "cpu seconds": run.cpu_seconds() | {"harness": round(time.process_time())},
            "steps seen": witness.steps,
            "requests answered": dict(Counter(answer for person in people for answer in person.answers)),
        }
        return report

    def _judge_launches(self, run: Run, documents: dict[str, Any], erased: int, bad: dict[str, list[str]]) -> None:
        """Check that each attempt was in one job that started once, and was counted once."""
        runner = run.runner
        for (track, attempt), jobs in runner.named.items():
            if len(jobs) > 1:
                bad["P2"].append(f"attempt {attempt} of {track} was in {len(jobs)} jobs: {jobs}")
        bad["P2"] += [f"{job} was started {count} times" for job, count in runner.starts.items() if count > 1]
        launched = {track for track, document in documents.items() if "launching" in document["timeline"]}
        launches = len(launched) + sum(document["attempt"] - 1 for document in documents.values())
        for track, _ in runner.named:
            if track in documents and track not in launched:
                bad["P2"].append(f"{track} has a job and was never launched")
        if not bad["P2"]:
            del bad["P2"]
        days = _launches_by_day()
        # An erased track may have been counted, and no document says so.
        if not launches <= sum(days.values()) <= launches + erased:
            bad["P3"].append(f"{sum(days.values())} launches counted, {launches} made, {erased} tracks erased")
        if self.limit and max(days.values(), default=0) > self.limit:
            bad["P3"].append(f"launches by day are {days}, where {self.limit} are the limit")

    def _judge_called_off(self, run: Run, called_off: dict[str, CalledOff], bad: dict[str, list[str]]) -> None:
        """Check that no job begins a track that it knew as called off, and that nothing is left that nobody needs."""
        found = []
        for (track, _), times in run.runner.begun.items():
            each = called_off.get(track)
            # If the job started later, its launch was under way, and the launcher calls the track off.
            late = [begun for begun in times if each and begun.started < each.sent < each.acknowledged < begun.asked]
            found += [f"{begun.job} began {track} after it was called off" for begun in late]
        erased = {track: each.token for track, each in called_off.items() if each.is_erased}
        # The lifecycle rules delete what is left if a job makes only erased tracks and the message about its end is
        # lost.
        lost, names = b"".join(run.delivery.lost_data), defaultdict(set)
        for (track, _), jobs in run.runner.named.items():
            for job in jobs:
                names[job].add(track)
        excused = {job for job, its in names.items() if job.encode() in lost and its <= erased.keys()}
        deadline = time.monotonic() + (0 if found or bad else ORDERS_PATIENCE_SECONDS)
        while (left := _orders(run) - excused) and time.monotonic() < deadline:
            time.sleep(0.5)
        found += [f"the orders of {job} are left" for job in left]
        kept = {track for job in excused for track in names[job]}
        for track in erased.keys() - kept:
            names_left = [blob.name for blob in storage_client().list_blobs(RESULTS_BUCKET, prefix=f"{erased[track]}/")]
            crashed = _crashed_for(run, track)
            found += [
                f"{track} was erased, and {name.partition('/')[2]} is left"
                for name in names_left
                if not (crashed and name.partition("/")[2].startswith(("cover", "sketch")))
            ]
        if found:
            bad["P13"] += found

    def _judge_sketches(self, run: Run, witness: Witness, documents: dict[str, Any], bad: dict[str, list[str]]) -> None:
        """Check that each sketch was written once, exists, and that no object is left that no track names."""
        found = witness.wrong_sketches()
        stored = {blob.name for blob in storage_client().list_blobs(RESULTS_BUCKET) if "/sketch" in blob.name}
        named = {name for document in documents.values() if (name := sketch_of(document))}
        found += [f"{name} does not exist" for name in named - stored]
        # The emulators outlive a run, so objects of earlier runs are there too.
        works = firestore.Client(project=PROJECT).collection("work").stream()
        tracks = {str(work.get("token")): work.id for work in works}
        for name in stored - named:
            track = tracks.get(name.partition("/")[0])
            if track and not _has_crashed_last(run, track):
                found.append(f"{name} is named by no track")
        if found:
            bad["P12"] += found

    def _judge_ends(
        self,
        run: Run,
        documents: dict[str, Any],
        tracks: dict[str, str],
        called_off: dict[str, CalledOff],
        bad: dict[str, list[str]],
    ) -> None:
        """Check that every final state has its cause: the job's outcome, a cancellation, or the limit."""
        sizes = {blob.name: blob.size for blob in storage_client().list_blobs(RESULTS_BUCKET)}
        spent = max(_launches_by_day().values(), default=0) == self.limit
        for track, document in documents.items():
            outcome = run.runner.outcomes.get((track, document["attempt"]), "")
            end, code = document["status"], (document.get("error") or {}).get("code")
            meant = {
                "ready": outcome == "music",
                "cancelled": track in called_off,
                "failed": (code, outcome) in {("pipeline_failed", "failed"), ("music_missing", "broken")}
                or (code == "budget_spent" and spent),
            }
            if Status(end) in FINAL and not meant.get(end, False):
                bad["P1"].append(
                    f"{tracks.get(track, track)} ended {end} ({code}), its job was meant to be {outcome or 'none'}"
                )
            if end == "ready":
                name = document["music"]["url"].partition(f"/{RESULTS_BUCKET}/")[2]
                export = document["request"].get("export") or {"kind": ""}
                if sizes.get(name) != stated_bytes(run.runner.takes[export["kind"]]):
                    bad["P1"].append(f"{tracks.get(track, track)} is ready, but its music has {sizes.get(name)} bytes")


def _judge_tracks(
    documents: dict[str, dict[str, Any]], tracks: dict[str, str], erased: set[str], bad: dict[str, list[str]]
) -> None:
    """Check that each track has ended or was erased, and that there are no others."""
    for track, name in tracks.items():
        if track in erased:
            if track in documents:
                bad["P13"].append(f"{name} was erased and is {documents[track]['status']}")
        elif track not in documents:
            bad["P1"].append(f"{name} is gone")
        elif Status(documents[track]["status"]) not in FINAL:
            bad["P1"].append(f"{name} is still {documents[track]['status']}")
    for track in documents.keys() - tracks.keys():
        if documents[track]["request"].get("twinOf") not in tracks:
            bad["P2"].append(f"{track} is a second track of one request or event")


def _with_pairs(
    run: Run,
    report: Report,
    documents: dict[str, dict[str, Any]],
    pairs: dict[str, str],
    called_off: dict[str, CalledOff],
) -> Report:
    """Add to a report whether each described track has the second take that it asked for, with the same brief."""
    bad, found = report.violations, 0
    for track in pairs:
        first, second = documents.get(track), documents.get(twin_of(track))
        found += second is not None
        # The first one may have been erased before or after its description.
        if first is not None and (second is not None) != bool(first["brief"]):
            bad["P1"].append(f"{track} has {'a' if second else 'no'} second take, and its brief is {first['brief']}")
        if second is not None and Status(second["status"]) not in FINAL:
            bad["P1"].append(f"the second take of {track} is still {second['status']}")
        if first is not None and second is not None and first["brief"] != second["brief"]:
            bad["P5"].append(f"{track} and its second take have different briefs")
        each = called_off.get(track)
        if second is None and each and each.is_erased and each.twin_token and not _crashed_for(run, track):
            left = storage_client().list_blobs(RESULTS_BUCKET, prefix=f"{each.twin_token}/")
            bad["P13"] += [f"{track} was erased, and {blob.name} of its second take is left" for blob in left]
    for promise in [promise for promise, reasons in bad.items() if not reasons]:
        del bad[promise]
    report.figures["asked for two takes / second takes"] = f"{len(pairs)} / {found}"
    return report


def tracks_by_id() -> dict[str, dict[str, Any]]:
    """Return the document of each track."""
    found = firestore.Client(project=PROJECT).collection_group("tracks").stream()
    return {document.id: document.to_dict() for document in found}


def sketch_of(document: dict[str, Any]) -> str:
    """Return the name of the object that a track's document names as its sketch, empty if it has none."""
    sketch = document.get("sketch")
    return sketch["url"].partition(f"/{RESULTS_BUCKET}/")[2] if sketch else ""


def _has_crashed_last(run: Run, track: str) -> bool:
    """Return whether the sketcher crashed with a sketch that it had made, and no delivery of the track came after that.

    A doubled event is delivered once, as by Pub/Sub if its message is acknowledged meanwhile.
    """
    passed = [line[2:] for line in run.records("points") if line[:2] == ["sketcher", track]]
    ended = {line[2] for line in run.records("ends") if line[:2] == ["sketcher", track]}
    made = {handling for handling, point in passed if point == "sketches.make.1"}
    crashed = [place for place, (handling, _) in enumerate(passed) if handling in made - ended]
    return bool(crashed) and all(point != "begin.1" for _, point in passed[crashed[-1] + 1 :])


def _launches_by_day() -> dict[str, int]:
    """Return the counted launches by UTC day; a campaign may run past midnight."""
    days = Counter[str]()
    for part in firestore.Client(project=PROJECT).collection("budget").stream():
        days[part.id.rpartition("-")[0]] += part.get("launched")
    return days


def token_of(track: str, field: str = "token") -> str:
    """Return the folder of a track, or that of a second take that it has not created yet, empty if there is none."""
    work = firestore.Client(project=PROJECT).document("work", track).get().to_dict() or {}
    return str(work.get(field, ""))


def _orders(run: Run) -> set[str]:
    """Return the jobs of this run whose orders exist; the emulators outlive a run."""
    bucket = storage_client().bucket(PIPELINE_BUCKET)
    names = {blob.name for blob in bucket.list_blobs(prefix=ORDERS_PREFIX)} - run.earlier_orders
    return {name.removeprefix(ORDERS_PREFIX).removesuffix(".json") for name in names}


def _crashed_for(run: Run, track: str) -> bool:
    """Return whether the captioner or the sketcher was killed while it processed a track."""
    begun, ended = (
        {tuple(line[:3]) for line in run.records(file) if line[1] == track and line[0] in {"captioner", "sketcher"}}
        for file in ("points", "ends")
    )
    return bool(begun - ended)


def _in_time(called_off: dict[str, CalledOff]) -> tuple[int, int]:
    erased = sum(each.is_erased for each in called_off.values())
    return sum(each.acknowledged > 0 for each in called_off.values()) - erased, erased


def _called_off_in_a_job(run: Run, called_off: dict[str, CalledOff]) -> tuple[int, int]:
    """Return how many tracks were called off when a job's orders had them, and how many of them no job began."""
    runner = run.runner
    ordered = {track for track, _ in runner.named} & {track for track, each in called_off.items() if each.acknowledged}
    return len(ordered), len(ordered - {track for track, _ in runner.begun})


def _paid(run: Run, tracks: dict[str, str]) -> tuple[Counter[str], Counter[str]]:
    """Return for each picture how often its brief was paid, and how many of its captionings crashed."""
    begun: Counter[tuple[str, str]] = Counter()
    for function, subject, number, *_ in [line for line in run.records("points") if line[-1] == "begin.1"]:
        if function == "captioner":
            begun[tracks.get(subject, subject), number] += 1
    for function, subject, number, *_ in run.records("ends"):
        if function == "captioner":
            begun[tracks.get(subject, subject), number] -= 1
    crashes: Counter[str] = Counter()
    for (name, _), open_ in begun.items():
        crashes[name] += max(0, open_)
    return Counter(run.openai.paid), crashes
