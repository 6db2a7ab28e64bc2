"""The faults of the campaigns."""

from typing import Final

from localcloud.parts import FUNCTIONS
from tests.support.faults import ApiFaults, DeliveryFaults
from tests.support.takes import JobFaults
from tests.support.tcp_proxy import Weather
from tests.support.world import Faults

# All faults at once, except those of the network. Each of two regions accepts a job every 1.5 seconds.
STORM: Final = Faults(
    delivery=DeliveryFaults(
        doubled=0.4, lost={"pipeline-events": 0.05, "captions": 0.02, "storage-events": 0.02}, delay=0.5
    ),
    openai=ApiFaults(busy=0.05, broken=0.03, broken_after=0.02, cut=0.03),
    vertex=ApiFaults(busy=0.05, broken=0.03, broken_after=0.02, cut=0.05),
    jobs=JobFaults(failed=0.04, lost=0.02, broken=0.03, silent=0.05, seconds=3.0, track_seconds=0.5),
    crash=dict.fromkeys(FUNCTIONS, 0.007),
    kills=0.3,
    submissions=2,
    window=3.0,
)
# Tracks that wait share jobs.
BATCHES: Final = {"BATCH_SECONDS": "1", "BATCH_TRACKS": "8"}

# Only the network fails: it delays data and resets connections. A connection that carries less is reset more often.
NETWORK: Final = Faults(
    tcp={
        "firestore": Weather(delay=0.01, reset=0.01),
        "openai": Weather(delay=0.01, reset=0.03),
        "pubsub": Weather(delay=0.01, reset=0.06),
    }
)
