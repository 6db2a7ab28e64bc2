"""P11: the crash test can fail."""

import random

import pytest

from tests.chaos.campaign import Campaign
from tests.chaos.sabotage import SABOTAGES, Sabotage
from tests.support.world import World

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]

ATTEMPTS = 3


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.name)
def test_a_campaign_without_the_guard_breaks_the_promise(world: World, sabotage: Sabotage) -> None:
    """Without the guard, a campaign of a few pictures breaks the promise that the guard protects."""
    campaign = Campaign(
        sabotage.pictures,
        cancelled=sabotage.cancelled,
        cancelled_at=sabotage.cancelled_at,
        retries=sabotage.retries,
        visitors=4,
        patience=25,
    )
    reports = []
    # Which faults happen depends on chance and on the machine's speed, so there are a few attempts.
    for seed in range(ATTEMPTS):
        random.seed(seed)
        with world.run(sabotage.faults, sabotage.edits, dict(sabotage.environ)) as run:
            reports.append(campaign.fight(run))
        if reports[-1].violations.get(sabotage.promise):
            return
    pytest.fail("\n\n".join(map(str, reports)))
