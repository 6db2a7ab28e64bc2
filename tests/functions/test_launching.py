import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from creating import JobSettings
from launching import BLOCKED_PAUSE, Settings
from yaml_templates import template_at

from infra.content import HASH_LETTERS
from musicgenerator.errors import LaunchBlockedError, LaunchRefusedError, LaunchUnavailableError
from musicgenerator.jobs import JobFacts, JobState, job_labels
from musicgenerator.messages import CaptionMessage
from musicgenerator.orders import Order, orders_from_bytes
from musicgenerator.settings import SettingInvalidError, SettingMissingError
from musicgenerator.states import Status
from tests.contracts.recorded import (
    JOB,
    ORDER,
    ORDER_NAME,
    PIPELINE_BUCKET,
    SESSION,
    TOKEN,
    TRACK,
    recorded,
    recorded_work,
    without_timestamps,
)
from tests.support.command_fakes import MemorySwitch
from tests.support.fakes import MemoryObjects, MemoryPipelines, MemoryRegions, MemoryTracks
from tests.support.functions import ENVIRON, TEMPLATE, launcher

NEVER = datetime.max.replace(tzinfo=UTC)
WRITTEN = (PIPELINE_BUCKET, ORDER_NAME)
LABELS = {"app": "musicgenerator", "track": TRACK, "attempt": "1"}


@dataclass
class Scene:
    """The launcher with fakes for its ports, and one captioned track."""

    tracks: MemoryTracks = field(default_factory=MemoryTracks)
    pipelines: MemoryPipelines = field(default_factory=MemoryPipelines)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    regions: MemoryRegions = field(default_factory=MemoryRegions)
    switch: MemorySwitch = field(default_factory=MemorySwitch)
    environ: Mapping[str, str] = field(default_factory=lambda: ENVIRON)
    message: CaptionMessage = field(default_factory=lambda: CaptionMessage(**recorded("captions_message")["data"]))

    def __post_init__(self) -> None:
        self.at(Status.CAPTIONED)

    def at(self, status: Status, **fields: Any) -> None:
        """Replace the track by the recorded document of this status, with some fields changed."""
        self.tracks.hold(recorded(f"track_{status}") | fields, SESSION, TRACK, recorded_work(published=True))

    def deliver(self) -> None:
        scene = self.tracks, self.pipelines, self.objects, self.regions, self.switch
        launcher(*scene, self.environ).launch(self.message)

    @property
    def order(self) -> Order:
        """The one order that was written."""
        (data,) = self.objects.objects.values()
        (order,) = orders_from_bytes(data)
        assert isinstance(order, Order)
        return order

    @property
    def document(self) -> dict[str, Any]:
        return self.tracks.documents[TRACK]


def test_a_captioned_track_is_launched_as_recorded() -> None:
    """`captioned`, `launching` and `composing` are each as recorded."""
    scene = Scene()
    seen: list[dict[str, Any]] = []
    scene.pipelines.meanwhile = lambda: seen.append(scene.document)
    scene.deliver()
    assert [without_timestamps(document) for document in seen] == [without_timestamps(recorded("track_launching"))]
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_composing"))


def test_the_job_says_all_that_the_pipeline_needs() -> None:
    """Its id follows from the track, its labels say whose it is, its parameters name its order."""
    scene = Scene()
    scene.deliver()
    (wanted,) = scene.pipelines.wanted
    assert (wanted.job, wanted.labels) == (JOB, LABELS)
    assert wanted.spec == TEMPLATE
    assert (wanted.root, wanted.account) == (ENVIRON["PIPELINE_ROOT"], ENVIRON["PIPELINE_ACCOUNT"])
    assert wanted.parameters == {"job": JOB, "order": ORDER}


def test_the_order_is_written_as_recorded() -> None:
    """All that the step needs, private, before the job is created."""
    scene = Scene()
    there: list[set[tuple[str, str]]] = []
    scene.pipelines.meanwhile = lambda: there.append(set(scene.objects.objects))
    scene.deliver()
    assert there == [{WRITTEN}]
    assert json.loads(scene.objects.objects[WRITTEN]) == recorded("order")
    assert scene.objects.types[WRITTEN] == "application/json"


def test_a_job_s_record_holds_neither_brief_nor_token() -> None:
    """Vertex AI keeps and shows what a job was created with."""
    scene = Scene()
    scene.deliver()
    (wanted,) = scene.pipelines.wanted
    record = json.dumps(asdict(wanted), ensure_ascii=False)
    brief = recorded("track_captioned")["brief"]
    private = (TOKEN, brief["title"], brief["caption"], brief["prompt"])
    assert [text for text in private if text in record] == []


def test_a_second_delivery_leaves_the_first_one_s_order() -> None:
    """The job may have read it already, so a setting that changed in between changes nothing."""
    scene = Scene(pipelines=MemoryPipelines(failures=[LaunchUnavailableError("503")]))
    scene.deliver()
    first = scene.objects.objects[WRITTEN]
    scene.environ = ENVIRON | {"DEFAULT_ENGINE": "lyria-002"}
    scene.deliver()
    assert scene.objects.objects[WRITTEN] == first
    assert scene.document["status"] == "composing"


def test_a_track_without_a_brief_has_no_order() -> None:
    """It ends before anything is written."""
    scene = Scene()
    scene.at(Status.CAPTIONED, brief=None)
    scene.deliver()
    assert scene.document["error"]["code"] == "launch_refused"
    assert not scene.objects.objects


def test_the_operators_wishes_are_passed_on() -> None:
    """The fallback engine and the address of a custom model are settings of the launcher."""
    wishes = {"FALLBACK_ENGINE": "composer", "MODEL_ENDPOINT": "projects/p/locations/l/endpoints/1"}
    settings = JobSettings.from_environ(ENVIRON | wishes)
    assert (settings.fallback_engine, settings.model_endpoint) == ("composer", "projects/p/locations/l/endpoints/1")


@pytest.mark.parametrize("setting", ["DEFAULT_ENGINE", "FALLBACK_ENGINE"])
def test_an_engine_that_does_not_exist_is_no_setting(setting: str) -> None:
    """A misspelt engine stops the function at its start, before a pipeline is paid for."""
    with pytest.raises(SettingInvalidError, match=setting):
        JobSettings.from_environ(ENVIRON | {setting: "lyria"})


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_what_was_asked_for_is_passed_on(seed: int) -> None:
    """Engine, length and seed, including the seed 0."""
    scene = Scene()
    asked = {"engine": "lyria-002", "durationSeconds": 60, "seed": seed}
    scene.at(Status.CAPTIONED, request=recorded("track_captioned")["request"] | asked)
    scene.deliver()
    assert (scene.order.engine, scene.order.seconds, scene.order.seed) == ("lyria-002", 60, seed)


def test_the_seed_nobody_asked_for_follows_from_the_job() -> None:
    """A repeated launch asks for the same music, another attempt for other music."""
    first, again, other = Scene(), Scene(), Scene()
    other.at(Status.CAPTIONED, attempt=2)
    other.message = replace(other.message, attempt=2)
    for scene in (first, again, other):
        scene.deliver()
    seeds = [scene.order.seed for scene in (first, again, other)]
    assert seeds[0] == seeds[1] != seeds[2]


def test_a_second_message_launches_nothing() -> None:
    """Repeated deliveries create one job."""
    scene = Scene()
    for _ in range(3):
        scene.deliver()
    assert [wanted.job for wanted in scene.pipelines.wanted] == [JOB]
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_composing"))


@pytest.mark.parametrize("status", [status for status in Status if status not in {Status.CAPTIONED, Status.LAUNCHING}])
def test_a_message_at_any_other_status_changes_nothing(status: Status) -> None:
    """A message that is early, late or forged launches nothing."""
    scene = Scene()
    scene.at(status)
    scene.deliver()
    assert scene.document == recorded(f"track_{status}")
    assert not scene.pipelines.wanted


@pytest.mark.parametrize("status", [Status.CAPTIONED, Status.LAUNCHING])
def test_a_message_of_another_attempt_changes_nothing(status: Status) -> None:
    """It names an attempt that is over or never existed."""
    scene = Scene()
    scene.at(status)
    scene.message = replace(scene.message, attempt=2)
    scene.deliver()
    assert scene.document == recorded(f"track_{status}")
    assert not scene.pipelines.wanted


def test_a_message_for_no_track_is_acknowledged() -> None:
    """The track was erased or never existed."""
    scene = Scene()
    scene.tracks.erase(SESSION, TRACK)
    scene.deliver()
    assert not scene.pipelines.wanted


@pytest.mark.parametrize("lost", [1, 2])
def test_a_lost_answer_of_the_store_is_no_duplicate(lost: int) -> None:
    """The commit succeeded but its answer was lost: the track is launched once."""
    scene = Scene()
    scene.tracks.lost_answers = lost
    scene.deliver()
    assert [wanted.job for wanted in scene.pipelines.wanted] == [JOB]
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_composing"))


def test_a_lost_answer_of_vertex_is_no_failure() -> None:
    """The client repeated a creation that had succeeded: the id is taken by this launch."""
    scene = Scene()
    scene.pipelines.lost_answers = 1
    scene.deliver()
    assert scene.document["status"] == "composing"


def test_a_launch_that_crashed_half_way_is_finished() -> None:
    """`launching` with or without a job becomes `composing` with one job."""
    for jobs in ({}, {JOB: JobFacts(JobState.UNDER_WAY, job_labels([(TRACK, 1)]))}):
        scene = Scene(pipelines=MemoryPipelines(jobs=dict(jobs)))
        scene.at(Status.LAUNCHING)
        scene.deliver()
        assert list(scene.pipelines.jobs) == [JOB]
        assert scene.document["status"] == "composing"


def test_a_job_id_that_a_stranger_has_taken_fails_the_track() -> None:
    """A taken id is a success only if the job has the attempt's labels."""
    for labels in ({}, {"app": "another"}, LABELS | {"attempt": "2"}):
        scene = Scene(pipelines=MemoryPipelines(jobs={JOB: JobFacts(JobState.UNDER_WAY, labels)}))
        scene.deliver()
        assert scene.document["status"] == "failed"
        assert LaunchRefusedError("").to_mapping("ko") == scene.document["error"]


def test_labels_that_google_adds_are_no_stranger_s() -> None:
    """Vertex AI adds its own labels."""
    labels = LABELS | {"vertex-ai-pipelines-run-billing-id": "1"}
    scene = Scene(pipelines=MemoryPipelines(jobs={JOB: JobFacts(JobState.UNDER_WAY, labels)}))
    scene.deliver()
    assert scene.document["status"] == "composing"


def test_a_refused_launch_ends_the_track_in_the_person_s_language() -> None:
    """The message is acknowledged."""
    scene = Scene()
    scene.at(Status.CAPTIONED, request=recorded("track_captioned")["request"] | {"language": "en"})
    scene.pipelines.failures.append(LaunchRefusedError("no such account"))
    scene.deliver()
    assert scene.document["status"] == "failed"
    assert LaunchRefusedError("").to_mapping("en") == scene.document["error"]


def test_a_track_without_a_brief_is_never_launched() -> None:
    """It ends with an error."""
    scene = Scene()
    scene.at(Status.CAPTIONED, brief=None)
    scene.deliver()
    assert scene.document["status"] == "failed"
    assert not scene.pipelines.wanted


def test_what_nobody_foresaw_has_the_message_come_again() -> None:
    """The redelivered message finds `launching` and launches."""
    scene = Scene()
    scene.pipelines.failures += [ConnectionError("reset"), ConnectionError("reset")]
    for _ in range(2):
        with pytest.raises(ConnectionError):
            scene.deliver()
        assert scene.document["status"] == "launching"
        assert scene.document["error"] is None
    scene.deliver()
    assert scene.document["status"] == "composing"
    assert [wanted.job for wanted in scene.pipelines.wanted] == [JOB]


@pytest.mark.parametrize("end", [Status.COMPOSING, Status.READY, Status.FAILED, Status.CANCELLED])
def test_a_track_that_is_further_already_stays_there(end: Status) -> None:
    """The track may be ready or cancelled before the launcher writes `composing`."""
    scene = Scene()
    scene.pipelines.meanwhile = lambda: scene.at(end)
    scene.deliver()
    assert scene.document == recorded(f"track_{end}")


@pytest.mark.parametrize("name", sorted(ENVIRON))
def test_a_missing_setting_is_named(name: str) -> None:
    """The function does not start without it."""
    environ = ENVIRON | {name: ""}
    with pytest.raises(SettingMissingError, match=name):
        (Settings if name == "REGION" else JobSettings).from_environ(environ)


@dataclass(frozen=True)
class Deployed:
    """A bucket with one object."""

    data: bytes | None

    def read(self, bucket: str, name: str) -> bytes | None:
        return self.data if (bucket, name.partition("/")[0]) == ("pipelines", "v1") else None


def address_of(data: bytes | None, letters: int = 64) -> str:
    """Return the address of a template under its own hash."""
    return f"gs://pipelines/v1/{hashlib.sha256(data or b'').hexdigest()[:letters]}.yaml"


@pytest.mark.parametrize("letters", [HASH_LETTERS, 64])
def test_the_template_is_read_from_where_it_was_deployed(letters: int) -> None:
    """The address is gs://, a bucket and a name with slashes, whose end is the hash as the deployment shortens it."""
    data = b"root: {}\npipelineInfo: {name: m}\n"
    assert template_at(address_of(data, letters), Deployed(data)) == {"root": {}, "pipelineInfo": {"name": "m"}}


@pytest.mark.parametrize(
    "address",
    [
        address_of(b"root: {}\n"),
        address_of(b"root: {}\n", HASH_LETTERS),
        address_of(b"root: {changed: true}\n", 39),
        "gs://pipelines/v1/musicgenerator.yaml",
        "gs://pipelines/v1/.yaml",
    ],
)
def test_a_template_that_was_changed_is_refused(address: str) -> None:
    """Jobs run what the template says, with the rights of the pipeline's account; a short hash is no proof."""
    with pytest.raises(SettingInvalidError, match="hash"):
        template_at(address, Deployed(b"root: {changed: true}\n"))


@pytest.mark.parametrize(
    ("address", "data"),
    [
        ("https://pipelines/v1/musicgenerator.yaml", b"root: {}"),
        ("gs://pipelines", b"root: {}"),
        ("gs://pipelines/", b"root: {}"),
        *((address_of(data), data) for data in (None, b"", b"[]", b"components: {}", b"root: [1", b"\xff\xfe\x00")),
    ],
)
def test_a_template_that_is_none_is_refused(address: str, data: bytes | None) -> None:
    """The error names the setting."""
    with pytest.raises(SettingInvalidError, match="PIPELINE_TEMPLATE"):
        template_at(address, Deployed(data))


def test_spaces_around_the_model_endpoint_are_ignored() -> None:
    """An order with a space in its endpoint is invalid, so every job would fail."""
    environ = ENVIRON | {"MODEL_ENDPOINT": " projects/p/locations/l/endpoints/e\n"}
    assert JobSettings.from_environ(environ).model_endpoint == "projects/p/locations/l/endpoints/e"


def test_a_job_that_another_launch_is_creating_is_waited_for() -> None:
    """Vertex AI knows its id before it shows the job, and the next launch finds it."""
    scene = Scene(pipelines=LatePipelines())
    scene.deliver()
    assert (scene.document["status"], scene.document["error"]) == ("launching", None)
    assert scene.tracks.dues[TRACK] is not None
    scene.deliver()
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_composing"))


@dataclass
class LatePipelines(MemoryPipelines):
    """Vertex AI, whose first answer about a new job is that it does not exist."""

    lost_answers: int = 1

    def facts(self, job: str, region: str) -> JobFacts | None:
        found = super().facts(job, region)
        return found if len(self.asked) > 1 else None


BLOCKED = LaunchBlockedError("403 the caller does not have permission")


def test_a_project_that_vertex_refuses_parks_the_track(capsys: pytest.CaptureFixture[str]) -> None:
    """The message is acknowledged, the person and the operator see it, and a later message goes on."""
    scene = Scene(pipelines=MemoryPipelines(failures=[BLOCKED, BLOCKED]))
    for _ in range(2):
        scene.deliver()
        assert (scene.document["status"], scene.document["error"]) == ("launching", BLOCKED.to_mapping("ko"))
        assert scene.tracks.works[TRACK].parked
        assert timedelta(0) < (scene.tracks.dues[TRACK] or NEVER) - datetime.now(UTC) <= BLOCKED_PAUSE
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["severity"] for line in lines if line["message"] == "track parked"] == ["ERROR", "ERROR"]
    scene.deliver()
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_composing"))
    assert not scene.tracks.works[TRACK].parked


@pytest.mark.parametrize("failure", [LaunchRefusedError("no such account"), LaunchUnavailableError("503")])
def test_a_parked_track_may_end_or_wait(failure: Exception) -> None:
    """Its end takes it out of the operator's list; an outage leaves it there."""
    scene = Scene(pipelines=MemoryPipelines(failures=[BLOCKED, failure]))
    scene.deliver()
    scene.deliver()
    assert scene.document["status"] == ("failed" if isinstance(failure, LaunchRefusedError) else "launching")
    assert scene.tracks.works[TRACK].parked is isinstance(failure, LaunchUnavailableError)


@pytest.mark.parametrize("status", [Status.COMPOSING, Status.READY, Status.CANCELLED])
def test_a_track_that_goes_on_meanwhile_is_not_parked(status: Status) -> None:
    """The refused launch writes nothing; it cancels the job of a cancelled track, which may exist."""
    scene = Scene(pipelines=MemoryPipelines(failures=[BLOCKED]))
    scene.pipelines.meanwhile = lambda: scene.at(status)
    scene.deliver()
    assert scene.document == recorded(f"track_{status}")
    assert scene.pipelines.cancelled == ([JOB] if status is Status.CANCELLED else [])


@pytest.mark.parametrize("refusal", [LaunchRefusedError("404 not found"), BLOCKED], ids=["refused", "blocked"])
def test_a_job_that_the_warm_machines_refuse_gets_a_new_machine(refusal: Exception) -> None:
    """The operator may have deleted them, or they may not accept the account of the job."""
    scene = Scene(
        environ=ENVIRON | {"PERSISTENT_RESOURCE": "projects/p/locations/us-central1/persistentResources/gone"}
    )
    scene.pipelines.failures = [refusal]
    scene.deliver()
    assert [job.machines for job in scene.pipelines.wanted] == [""]
    assert scene.document["status"] == "composing"


def test_a_project_that_vertex_refuses_parks_the_track_with_warm_machines_too() -> None:
    """The second request, for a new machine, is refused as well."""
    scene = Scene(environ=ENVIRON | {"PERSISTENT_RESOURCE": "projects/p/locations/us-central1/persistentResources/w"})
    scene.pipelines.failures = [BLOCKED, BLOCKED]
    scene.deliver()
    assert scene.document["status"] == "launching"
    assert scene.tracks.works[TRACK].parked
