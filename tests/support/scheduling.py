"""The scheduler of pytest-xdist that follows `plan.py`; only the process that starts the workers can import it."""

import pytest
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling
from xdist.workermanage import NodeManager

from tests.support.plan import group_of


class PlannedScheduling(LoadScopeScheduling):
    """Give each group to one worker, in the order of the collected tests."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False
        # After Ctrl-C, the workers' fixtures need longer than the default of 10 seconds to end all processes.
        NodeManager.EXIT_TIMEOUT = 60

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
