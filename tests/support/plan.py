"""Which tests run side by side: the plan for the workers of pytest-xdist."""

from typing import Final

# A group runs on one worker, because its modules share fixed ports or a fixture that takes long to start.
# Groups start in this order: what takes longest first. Each module that is not named here is a group and starts later.
GROUPS: Final = {
    "local cloud": ("tests/cloud/", "tests/web/"),
    "sabotage": ("tests/chaos/test_sabotage.py",),
    "deployed": (
        "tests/deploy/test_deployment.py",
        "tests/deploy/test_operating.py",
        "tests/deploy/test_smoke.py",
        "tests/deploy/test_two_installations.py",
    ),
    "crash points": ("tests/chaos/test_crash_points.py",),
    "first hours": ("tests/deploy/test_first_hours.py",),
    "campaigns": ("tests/chaos/test_campaigns.py",),
    "pictures": ("tests/pictures/",),
    "new machine": ("tests/tools/test_new_machine.py",),
}
_PLACES: Final = {name: place for place, name in enumerate(GROUPS)}


def group_of(node_id: str) -> str:
    """Return the name of a test's group."""
    module = node_id.partition("::")[0]
    return next((name for name, paths in GROUPS.items() if module.startswith(paths)), module)


def place_of(node_id: str) -> int:
    """Return the place of a test's group in the order in which groups start."""
    return _PLACES.get(group_of(node_id), len(GROUPS))
