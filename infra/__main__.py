"""The deployment's commands, ``python -m infra plan|deploy|destroy|…``; the Makefile lists them and their variables."""

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Final

from infra import settings
from infra.deploy import deploy
from infra.destroy import destroy
from infra.engine import Mode
from infra.installation import Installation
from infra.keyless import deploy_keyless
from infra.model import deploy_model, route_model, undeploy_model
from infra.stops import StoppedError

_COMMANDS: Final[dict[str, Callable[[Installation], None]]] = {
    "plan": partial(deploy, mode=Mode.PLAN),
    "deploy": partial(deploy, mode=Mode.APPLY),
    "settings": settings.show,
    "destroy": destroy,
    "deploy-model": deploy_model,
    "route-model": route_model,
    "undeploy-model": undeploy_model,
    "deploy-keyless": deploy_keyless,
}


def main(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    if len(arguments) != 1 or arguments[0] not in _COMMANDS:
        print(f"python -m infra {'|'.join(_COMMANDS)}", file=sys.stderr)
        return 2
    try:
        _COMMANDS[arguments[0]](Installation(os.environ))
    except StoppedError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
