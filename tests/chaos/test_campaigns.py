"""P1 to P5: many pictures at once while faults happen."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from localcloud.addresses import PROJECT
from musicgenerator.counting import reserve_of
from tests.chaos.campaign import VISITORS, Campaign, tracks_by_id
from tests.chaos.weather import BATCHES, NETWORK, STORM
from tests.support.visitors import new_key, picture, put, visitors
from tests.support.witness import Witness
from tests.support.world import Faults, World

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]


def test_pictures_in_a_storm(world: World) -> None:
    """With killed processes, doubled, late and lost events, and busy and broken APIs, every promise holds."""
    random.seed(1)
    limit = 72
    with world.run(STORM, environ=BATCHES | {"DAILY_LIMIT": str(limit)}) as run:
        report = Campaign(80, cancelled=0.15, erased=0.05, exported=0.4, pairs=0.1, limit=limit).fight(run)
    assert not report.violations, str(report)
    # The faults did happen: about one kill for every three pictures.
    assert len(run.records("kills")) + run.killed_at_random >= 26, str(report)
    assert any(kill[0] == "sketcher" for kill in run.records("kills")), str(report)
    # Tracks shared jobs, and some were called off.
    assert max(run.runner.tracks_of.values()) > 1, str(report)
    assert report.figures["cancelled / erased in time"] != "0 / 0", str(report)
    assert report.figures["exports"], str(report)
    assert not report.figures["asked for two takes / second takes"].endswith(" 0"), str(report)
    # A sketcher that makes nothing keeps its promise, too. On a busy machine most music comes before the sketch.
    assert report.figures["sketches"], str(report)


def test_a_network_that_delays_and_resets(world: World) -> None:
    """With failing connections no track is lost, launched twice, over the limit, or goes backwards."""
    random.seed(2)
    with world.run(NETWORK) as run:
        report = Campaign(24, visitors=8).fight(run)
    assert not {"P1", "P2", "P3", "P4"} & report.violations.keys(), str(report)
    assert all(proxy.resets for proxy in run.proxies.values()), str(report)


def test_a_database_that_is_killed_and_comes_back(world: World) -> None:
    """The database restarts in the middle of a campaign with everything that was written; all tracks finish."""
    random.seed(3)
    with world.run(Faults()) as run:
        report = Campaign(20, visitors=8, meanwhile=lambda: world.restart_firestore(run)).fight(run)
    assert not report.violations, str(report)


def test_sixty_four_uploads_at_once_keep_to_the_limit(world: World) -> None:
    """Of 64 pictures that arrive at once from 16 sessions, only as many as the limit allows are launched.

    Announcements count for nobody else. The last tenth of the limit is for sessions that already have music.
    """
    limit = 24
    with world.run(Faults(), environ={"TRACKS_A_DAY": str(limit)}) as run, Witness() as witness:
        people = visitors(run.addresses, VISITORS)
        with ThreadPoolExecutor(64) as pool:
            answers = list(
                pool.map(lambda number: people[number % VISITORS].ask_for_track(f"upload-{number}"), range(64))
            )
        assert Counter(answer.status_code for answer in answers) == {201: 64}
        announced = [answer.json() for answer in answers]
        for each in announced:
            witness.follow(each["session"], each["track"])
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda each: put(each["upload"], picture()), announced))
        witness.wait(120)
        assert witness.under_way() == 0
        launched = Counter(track for track, _ in run.runner.named)
        assert limit - reserve_of(limit) <= len(launched) <= limit
        assert {len(jobs) for jobs in run.runner.named.values()} == {1}
        ends = {
            track: (document["status"], (document["error"] or {}).get("code"))
            for track, document in tracks_by_id().items()
        }
        assert ends == {
            each["track"]: ("ready", None) if each["track"] in launched else ("failed", "budget_spent")
            for each in announced
        }
        _check_isolation(people, announced, run.addresses.host("firestore"))


def _check_isolation(people: list[Any], announced: list[dict[str, Any]], firestore: str) -> None:
    """Check that no session can command or read a track of another, through the API or in the database."""
    for each in announced:
        stranger = next(person for person in people if person.session != each["session"])
        for verb in ("again", "cancel", "retry"):
            assert stranger.command(each["track"], verb).status_code == 404
            path = f"/v1/sessions/{each['session']}/tracks/{each['track']}:{verb}"
            assert stranger.post(path, {}, new_key()).status_code == 401
        headers = {"Authorization": f"Bearer {stranger.secret}"}
        url = f"{stranger.api}/v1/sessions/{each['session']}/tracks/{each['track']}"
        assert requests.delete(url, headers=headers, timeout=30).status_code == 401
    documents = f"http://{firestore}/v1/projects/{PROJECT}/databases/(default)/documents"
    for closed in ("sessions", f"sessions/{people[0].session}", "work", "idempotency", "limits", "budget"):
        assert requests.get(f"{documents}/{closed}", timeout=30).status_code == 403
    query = {"structuredQuery": {"from": [{"collectionId": "tracks", "allDescendants": True}]}}
    assert requests.post(f"{documents}:runQuery", json=query, timeout=30).status_code == 403
