"""``python -m tests.chaos --pictures 1000`` runs one campaign and prints its report; exit 1 if a promise was broken."""

import argparse
import random
import signal
import sys

from tests.chaos.campaign import Campaign
from tests.chaos.weather import BATCHES, STORM
from tests.support.world import HOME, running


def main() -> int:
    """Run one campaign in the storm."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument(
        "--seed", type=int, default=1, help="seeds the choice of faults; their timing depends on the machine"
    )
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    # SIGTERM ends the run as Ctrl-C does, so that every started process ends too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    limit = arguments.pictures * 9 // 10
    with (
        running(home=HOME / "campaign") as world,
        world.run(STORM, environ=BATCHES | {"DAILY_LIMIT": str(limit)}) as run,
    ):
        campaign = Campaign(arguments.pictures, cancelled=0.05, erased=0.03, exported=0.1, pairs=0.1, limit=limit)
        report = campaign.fight(run)
    print(report)
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
