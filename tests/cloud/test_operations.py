"""The operator's commands on the local cloud."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from google.cloud import firestore

from localcloud.addresses import IMAGES_BUCKET, PIPELINE_BUCKET, PROJECT, REPOSITORY, Addresses
from localcloud.provision import TEMPLATE, drop_session, storage_client
from musicgenerator import ids
from musicgenerator.errors import NotAnImageError
from musicgenerator.ids import TRACK_PATTERN
from musicgenerator.logs import trace_of
from musicgenerator.states import Status
from operations import following
from tests.cloud.clients import drop_files, ends, fetch
from tests.support.dropped import dropped_track

pytestmark = pytest.mark.cloud


def make(addresses: Addresses, target: str, *variables: str) -> subprocess.CompletedProcess[str]:
    """Run a target of the Makefile for the local cloud at these addresses."""
    environ = os.environ | {"LOCALCLOUD_HOME": str(addresses.home), "MAKEFLAGS": ""}
    return subprocess.run(
        ["make", "--silent", target, f"PORT={addresses.port}", *variables],
        cwd=REPOSITORY,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.fixture(scope="module")
def ready_track(local_cloud: Addresses, photos: dict[str, Path]) -> str:
    """A track that is ready."""
    track = drop_files([photos["coffee"]])[0]
    assert ends(local_cloud, [track])[track]["status"] == "ready"
    return track


def test_the_log_of_a_track_has_the_lines_of_all_functions_in_order(local_cloud: Addresses, ready_track: str) -> None:
    """The launcher's lines come before the notifier's, and each line carries the track's trace."""
    shown = make(local_cloud, "logs", f"TRACK={ready_track}")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    times = [line[:23] for line in lines]
    assert sorted(times) == times
    parts = [line[25:].split()[0] for line in lines]
    assert parts.index("pipeline_launcher") < parts.index("result_notifier")
    assert "launched" in shown.stdout
    assert "settled" in shown.stdout
    log = (local_cloud.home / "logs" / "result_notifier.log").read_text(encoding="utf-8")
    assert f"/traces/{trace_of(ready_track)}" in log


def test_the_log_of_an_unknown_track_is_empty(local_cloud: Addresses) -> None:
    """The command says so, and it refuses a text that is not a track's id."""
    assert "No log line names" in make(local_cloud, "logs", f"TRACK=t{'a' * 26}").stdout
    assert "Say which track" in make(local_cloud, "logs", "TRACK=coffee.jpg").stderr


def test_the_status_has_parts_tracks_and_launches(local_cloud: Addresses, ready_track: str) -> None:
    """Every part is up, the track is counted, and the launches are shown with the daily limit."""
    assert ready_track
    shown = make(local_cloud, "status")
    assert shown.returncode == 0, shown.stderr
    assert "DOWN" not in shown.stdout
    assert "PAUSED" not in shown.stdout
    assert re.search(r"result_notifier +\d+ +up", shown.stdout)
    ready = re.search(r"^ +ready +(\d+)$", shown.stdout, re.MULTILINE)
    assert ready
    assert int(ready[1]) >= 1
    launched = re.search(r"launches (\d+) of 1000", shown.stdout)
    assert launched
    assert int(launched[1]) >= 1
    assert "signed with musicgenerator-c2pa/versions/1" in shown.stdout


def test_drop_copies_pictures_with_gcloud_and_follows_their_tracks(
    local_cloud: Addresses, photos: dict[str, Path], tmp_path: Path
) -> None:
    """The command prints the address of each track's music, and fails if one picture becomes no music."""
    bad, odd = tmp_path / "diary.jpg", tmp_path / "photo[1] $(x).jpg"
    bad.write_text("no picture")
    odd.write_bytes(photos["rocket"].read_bytes())
    names = f"{photos['chelsea']} {odd} {bad}"
    done = make(local_cloud, "drop", "STAGED=1", f"IMAGES={names}", "SECONDS_OF_MUSIC=10", "BRIEF_LANGUAGE=en")
    assert done.returncode != 0
    failed = re.search(r"^diary.jpg  failed: (.*)$", done.stdout, re.MULTILINE)
    assert failed, done.stdout + done.stderr
    assert failed[1] == f"{NotAnImageError.words['en']} (not_an_image)"
    assert re.search(rf"^{re.escape(odd.name)}  {TRACK_PATTERN}  http://\S+/music.mp3$", done.stdout, re.MULTILINE)
    music = re.search(rf"^chelsea.jpg  {TRACK_PATTERN}  (http://\S+/music.mp3)$", done.stdout, re.MULTILINE)
    assert music, done.stdout + done.stderr
    assert fetch(music[1])


class Deaf(following.Listeners):
    """Listeners that end before they report anything, without an error."""

    reread_seconds = 0.2

    def add(self, track: str, *path: str) -> None:
        super().add(track, *path)
        self.watches[-1].close()


def test_a_follower_whose_listener_has_stopped_sees_the_end(local_cloud: Addresses) -> None:
    """It reads the documents when nothing has changed for a while."""
    assert local_cloud
    session, track = ids.new_session_id(), ids.new_track_id()
    document = firestore.Client(project=PROJECT).document("sessions", session, "tracks", track)
    document.set({"status": Status.COMPOSING})
    end = threading.Timer(1, lambda: document.update({"status": Status.READY}))
    end.start()
    try:
        seen = [sighting.status for sighting in following.sightings(session, [track], 30, Deaf)]
    finally:
        end.join()
        document.delete()
    assert seen == [Status.COMPOSING, Status.READY]


def test_ctrl_c_ends_a_drop_quietly(local_cloud: Addresses, photos: dict[str, Path]) -> None:
    """The track goes on; the command ends at once, without a traceback or lines about its listeners."""
    environ = os.environ | local_cloud.client_environ() | {"PYTHONPATH": "src:.", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "operations.drop", str(photos["hubble_deep_field"])],
        cwd=REPOSITORY,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert "hubble_deep_field.jpg" in process.stdout.readline()
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        printed = process.stdout.read()
        process.wait()
    assert process.returncode == -signal.SIGINT
    # It takes less than two seconds; a machine that runs other tests takes longer.
    assert time.monotonic() - began < 5
    assert [line for line in printed.splitlines() if line and " s  " not in line] == []


def test_a_picture_that_is_moved_into_the_bucket_becomes_music(local_cloud: Addresses, photos: dict[str, Path]) -> None:
    """`gcloud storage mv` writes a new object, so the captioner sees a new picture with the metadata of the old one."""
    blob = storage_client().bucket(PIPELINE_BUCKET).blob("moved.jpg")
    blob.metadata = {"durationSeconds": "10"}
    blob.upload_from_filename(str(photos["rocket"]))
    command = ["gcloud", "storage", "mv", f"gs://{PIPELINE_BUCKET}/moved.jpg", f"gs://{IMAGES_BUCKET}/moved.jpg"]
    done = subprocess.run(
        command, env=os.environ | local_cloud.client_environ(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    moved = storage_client().bucket(IMAGES_BUCKET).get_blob("moved.jpg")
    track = dropped_track(moved)
    ended = ends(local_cloud, [track])[track]
    assert (ended["status"], ended["request"]["durationSeconds"]) == ("ready", 10)
    assert not blob.exists()


def test_drop_refuses_an_unknown_wish_by_name(local_cloud: Addresses, photos: dict[str, Path]) -> None:
    """Nothing is copied."""
    for wish, refused in (
        ("BRIEF_LANGUAGE=de", "BRIEF_LANGUAGE must"),
        ("SECONDS_OF_MUSIC=5", "SECONDS_OF_MUSIC must"),
    ):
        done = make(local_cloud, "drop", "STAGED=1", f"IMAGES={photos['chelsea']}", wish)
        assert (done.stdout, done.stderr.startswith(refused)) == ("", True)


@pytest.mark.parametrize("target", ["drop", "status", "smoke"])
def test_a_command_without_a_running_local_cloud_says_how_to_start_it(tmp_path: Path, target: str) -> None:
    """Only `make logs` works when the local cloud has ended."""
    done = make(Addresses(19_180, tmp_path), target, "STAGED=1", "IMAGES=a.jpg")
    assert done.returncode != 0
    assert "Start it with 'make run'" in done.stderr
    assert "Traceback" not in done.stderr
    assert "No log line names" in make(Addresses(19_180, tmp_path), "logs", f"TRACK=t{'a' * 26}").stdout


def test_a_smoke_run_makes_music_and_deletes_it(local_cloud: Addresses) -> None:
    """The command itself checks that the music exists, and that it is gone at the end."""
    done = make(local_cloud, "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "music made, checked and deleted" in done.stdout


def test_a_canary_makes_a_track_without_the_launcher(local_cloud: Addresses) -> None:
    """The canary uses the given template, the running notifier settles its track, and the track is deleted."""
    environ = os.environ | local_cloud.function_environ(drop_session(local_cloud), "unused")
    done = subprocess.run(
        [sys.executable, "-m", "operations.canary", str(TEMPLATE)],
        cwd=REPOSITORY,
        env=environ | {"PYTHONPATH": "src:.", "CANARY_SECONDS": "120"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    canary = re.search(rf"canary ({TRACK_PATTERN}): ready", done.stdout)
    assert canary
    assert not firestore.Client(project=PROJECT).document("work", canary[1]).get().exists
    tracks = firestore.Client(project=PROJECT).collection_group("tracks").stream()
    assert canary[1] not in [track.id for track in tracks]


def test_a_canary_whose_template_is_broken_fails(local_cloud: Addresses, tmp_path: Path) -> None:
    """The canary's job fails, so a deployment keeps the launcher's template."""
    template, broken = TEMPLATE.read_text(encoding="utf-8"), tmp_path / "broken.yaml"
    assert template.count("step.run(job, order)") == 1
    broken.write_text(template.replace("step.run(job, order)", "raise SystemExit(1)"))
    environ = os.environ | local_cloud.function_environ(drop_session(local_cloud), "unused")
    done = subprocess.run(
        [sys.executable, "-m", "operations.canary", str(broken)],
        cwd=REPOSITORY,
        env=environ | {"PYTHONPATH": "src:.", "CANARY_SECONDS": "120"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 1, done.stdout
    assert "failed" in done.stdout
