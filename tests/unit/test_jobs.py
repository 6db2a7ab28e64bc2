import re

from musicgenerator.jobs import JobFacts, JobState, has_read, is_ours, job_labels
from tests.contracts.recorded import TRACK


def test_a_jobs_labels_name_its_track() -> None:
    """The launcher, the notifier and the operator's commands compare all three."""
    assert job_labels([(TRACK, 2)]) == {"app": "musicgenerator", "track": TRACK, "attempt": "2"}


def test_the_labels_of_a_shared_job_say_which_orders_it_has_read() -> None:
    """The number of its tracks and a hash of their attempts, in any order, as Vertex AI allows labels."""
    attempts = [("t" + letter * 26, 1) for letter in "ab"]
    labels = job_labels(attempts)
    assert labels == job_labels(attempts[::-1])
    assert (labels["app"], labels["tracks"]) == ("musicgenerator", "2")
    assert all(re.fullmatch(r"[a-z0-9_-]{1,63}", value) for value in labels.values())
    facts = JobFacts(JobState.SUCCEEDED, labels)
    assert has_read(facts, attempts)
    others = [attempts[:1], [], [(TRACK, 1), attempts[0]], [("t" + "a" * 26, 2), attempts[1]]]
    assert not any(has_read(facts, other) for other in others)
    assert is_ours(facts, "mg-j" + "a" * 26)
    assert not is_ours(facts, f"mg-{TRACK}-1")
