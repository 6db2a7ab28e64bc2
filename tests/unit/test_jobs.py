from musicgenerator.jobs import job_labels
from tests.contracts.recorded import TRACK


def test_a_jobs_labels_name_its_track() -> None:
    """The launcher, the notifier and the operator's commands compare all three."""
    assert job_labels([(TRACK, 2)]) == {"app": "musicgenerator", "track": TRACK, "attempt": "2"}
