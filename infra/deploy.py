"""Deploy an installation: read the project, print a plan with its costs, ask, and apply it.

Every step can run again; it skips resources that are as they should be.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Final

from infra import costs, policies, settings
from infra.engine import Line, Mode
from infra.installation import Installation, queries
from infra.organisation import explained, obstacles
from infra.resources import Mark
from infra.steps import STEPS
from infra.stops import StoppedError

_PENDING: Final = {Mark.CREATE, Mark.CHANGE, Mark.DELETE}


def deploy(at: Installation, mode: Mode) -> None:
    """Print the plan; in apply mode, ask and apply it."""
    print(f"Reading {at.names.project} in {at.names.region} …", flush=True)
    read_everything(at)
    old = settings.kept(at)
    at.settings = settings.merged(old, at.environ)
    only = at.option("ONLY").split()
    if only and at.settings != old:
        raise StoppedError("Only `make deploy` changes settings:\n" + "\n".join(settings.differences(old, at.settings)))
    steps = {name: partial(step, at) for name, step in STEPS.items()}
    at.engine.converge(steps, Mode.PLAN)
    print(shown(at.engine.plan, every_line=bool(at.option("VERBOSE"))))
    print(f"\nSettings:\n{settings.listed(at.settings)}")
    print(costs.listed(at), end="", flush=True)
    in_the_way = obstacles(at, at.engine.plan)
    if in_the_way:
        raise StoppedError(explained(at, in_the_way))
    if mode is Mode.PLAN:
        return
    if not _PENDING & {line.mark for line in at.engine.plan}:
        print("Nothing to do.")
        return
    if at.option("YES") != "1" and not answered("Apply this plan? [y/N] ").lower().startswith("y"):
        raise StoppedError("Nothing was changed.")
    try:
        # A step that ONLY does not name is only compared, because later steps need what it finds.
        at.engine.converge(steps, Mode.APPLY, only)
    except StoppedError as error:
        same = sum(line.mark is Mark.SAME for line in at.engine.plan)
        raise StoppedError(
            f"{error}\nStopped in step {at.engine.step}. Earlier changes stay; the next run skips them and the {same}"
            " unchanged resources.\nFix the cause and run the same command again. The output of each command is in"
            f" {at.engine.log}."
        ) from error
    for warning in at.engine.warnings:
        print(f"Warning: {warning}", file=sys.stderr)
    print(f"\nDone. The page: {at.names.page_origin}/index.html")


def read_everything(at: Installation) -> None:
    """Read the state that a plan compares with, in parallel."""
    at.state.read(["project", "apis"])
    if at.number:
        at.state.read(query.kind for query in queries(at.names))
        policies.read(at, *policies.homes())


def shown(plan: Sequence[Line], *, every_line: bool) -> str:
    """Return a plan's lines, without unchanged resources unless all are wanted, and its sums."""
    marks = Counter(line.mark for line in plan)
    lines = [str(line) for line in plan if every_line or line.mark is not Mark.SAME]
    sums = f"{marks[Mark.CREATE]} to create, {marks[Mark.CHANGE]} to change, {marks[Mark.SAME]} unchanged."
    stuck = [f"{marks[Mark.STUCK]} cannot be changed in place."] if marks[Mark.STUCK] else []
    return "\n".join([*lines, "", sums, *stuck])


def answered(question: str) -> str:
    """Ask the operator; without a terminal the answer is empty."""
    try:
        return input(question)
    except EOFError:
        return ""
