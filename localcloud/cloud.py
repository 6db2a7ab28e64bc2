"""Start the local cloud's parts in order, and stop them."""

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator

from localcloud import provision
from localcloud.addresses import Addresses
from localcloud.parts import foundations, page, workers
from localcloud.prerequisites import find_tools
from localcloud.supervisor import StartError, Supervisor, check_ports


@contextlib.contextmanager
def running(
    addresses: Addresses, show: Callable[[str], None], *, with_page: bool = True, isolated: bool = True
) -> Iterator[Supervisor]:
    """Run the local cloud inside a ``with`` block and stop all its parts at the end.

    ``isolated`` gives each function its own environment.
    Raises StartError or MissingToolError with a message that says what to do.
    """
    tools = find_tools()
    if not provision.TEMPLATE.is_file():
        raise StartError("The pipeline is not compiled. Run 'make build' first.")
    # Check before deleting the folder: another local cloud may listen on these ports and use it.
    check_ports(addresses.ports)
    shutil.rmtree(addresses.home, ignore_errors=True)
    provision.prepare_home(addresses)
    os.environ.update(addresses.client_environ())
    with Supervisor(addresses.home / "logs", show) as supervisor:
        supervisor.start([*foundations(addresses, tools), *([page(addresses)] if with_page else [])])
        provision.make_buckets()
        session = provision.make_drop_session(addresses)
        supervisor.start(workers(addresses, session, provision.upload_template(), isolated=isolated))
        addresses.state_file.write_text(json.dumps({"pid": os.getpid(), "port": addresses.port}) + "\n")
        try:
            yield supervisor
        finally:
            addresses.state_file.unlink(missing_ok=True)
