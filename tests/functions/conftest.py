from collections.abc import Iterator

import pytest

from tests.support.scripted_http import ScriptedServer, scripted_server


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Somebody else's HTTP API, answering as the test says."""
    with scripted_server() as script:
        yield script
