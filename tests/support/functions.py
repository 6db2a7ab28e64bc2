"""The launcher, the notifier and the sweeper over the fakes of their ports."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from closing import Closer
from creating import Creator, JobSettings
from gathering import Gathering
from launching import Launcher, Settings
from notifying import Notifier, Results
from notifying import Settings as NotifierSettings
from sweeping import Sweeper

from musicgenerator.order_book import Objects, OrderBook
from musicgenerator.results import ResultsBucket
from tests.contracts.recorded import PIPELINE_BUCKET
from tests.support.command_fakes import HeardPictures, MemorySwitch
from tests.support.fakes import (
    HOME,
    HeardCaptions,
    MemoryObjects,
    MemoryPipelines,
    MemoryRegions,
    MemoryResults,
    MemorySpans,
    MemoryTracks,
)

TEMPLATE: Mapping[str, Any] = {"root": {}, "pipelineInfo": {"name": "musicgenerator"}}
ENVIRON = {
    "GOOGLE_CLOUD_PROJECT": "musicgenerator-prod",
    "REGION": HOME,
    "PIPELINE_ROOT": "gs://musicgenerator-pipeline/runs",
    "PIPELINE_BUCKET": PIPELINE_BUCKET,
    "PIPELINE_ACCOUNT": "pipeline@musicgenerator-prod.iam.gserviceaccount.com",
    "RESULTS_BUCKET": "musicgenerator-results",
    "PIPELINE_EVENTS_TOPIC": "pipeline-events",
    "DEFAULT_ENGINE": "composer",
}


def launcher(
    tracks: MemoryTracks,
    pipelines: MemoryPipelines,
    objects: Objects | None = None,
    regions: MemoryRegions | None = None,
    switch: MemorySwitch | None = None,
    environ: Mapping[str, str] = ENVIRON,
) -> Launcher:
    """Return a launcher with these fakes."""
    book = OrderBook(objects or MemoryObjects(), PIPELINE_BUCKET)
    creator = Creator(pipelines, book, TEMPLATE, JobSettings.from_environ(environ))
    settings = Settings.from_environ(environ)
    return Launcher(tracks, creator, regions or MemoryRegions(), settings, switch or MemorySwitch())


def notifier(
    tracks: MemoryTracks,
    pipelines: MemoryPipelines,
    results: Results | None = None,
    objects: Objects | None = None,
    spans: MemorySpans | None = None,
    regions: tuple[str, ...] = (HOME,),
) -> Notifier:
    """Return a notifier with these fakes."""
    bucket = ResultsBucket("https://storage.googleapis.com", "musicgenerator-results")
    settings = NotifierSettings(bucket, regions)
    book = OrderBook(objects or MemoryObjects(), PIPELINE_BUCKET)
    return Notifier(tracks, pipelines, results or MemoryResults(), book, spans or MemorySpans(), settings)


def sweeper(
    told: Notifier,
    tracks: MemoryTracks,
    pictures: HeardPictures | None = None,
    captions: HeardCaptions | None = None,
    clock: Callable[[], float] = time.monotonic,
    batch: int = 50,
) -> Sweeper:
    """Return a sweeper over a notifier, with these fakes."""
    gathering = Gathering("composer", batch)
    topics = pictures or HeardPictures(), captions or HeardCaptions()
    return Sweeper(tracks, Closer(tracks, told), *topics, gathering, clock)
