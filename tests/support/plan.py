"""Which tests run side by side: the plan for the workers of pytest-xdist."""

from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling
from xdist.workermanage import NodeManager

# A group runs on one worker, because its modules share fixed ports or a fixture that takes long to start.
# Each module that is not named here is a group of its own. Named groups start first, in this order.
GROUPS: Final = {
    "chaos": ("tests/chaos/",),
    "local cloud": ("tests/cloud/", "tests/web/"),
    "deployed": (
        "tests/deploy/test_deployment.py",
        "tests/deploy/test_operating.py",
        "tests/deploy/test_smoke.py",
        "tests/deploy/test_two_installations.py",
    ),
}


def group_of(node_id: str) -> str:
    """Return the name of a test's group."""
    module = node_id.partition("::")[0]
    return next((name for name, paths in GROUPS.items() if module.startswith(paths)), module)


class PlannedScheduling(LoadScopeScheduling):
    """Give each group to one worker, in the order in which pytest collected them."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False
        # After Ctrl-C, the workers' fixtures need longer than the default of 10 seconds to end all processes.
        NodeManager.EXIT_TIMEOUT = 60

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
