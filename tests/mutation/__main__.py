"""Change the cores at random, one small change at a time, and print the changes that their tests do not notice.

Each change is made in memory, in a fork of this process, which then runs the core's tests.
`equivalent.tsv` lists the changes that change no behaviour: core, change and reason.
"""

import argparse
import ast
import gc
import importlib
import importlib.util
import os
import random
import resource
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.mutation.changes import Change, changes
from tests.mutation.cores import CORES, PRELOADED

WANTED: Final = 0.95
SECONDS: Final = 300
CPU_SECONDS: Final = 30
OPTIONS: Final = "-x -q --assert=plain --timeout=0 -p no:cacheprovider -p no:schemathesis -p no:anyio"


def main() -> int:
    """Try a sample of the changes; return 1 if fewer than 95 % of them are noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="a part of the path of the cores to change")
    asked = parser.parse_args()
    sys.path[:0] = [*map(str, Path("functions").absolute().iterdir()), str(Path("src").absolute())]
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()
    trees = {core: ast.parse(Path(core).read_text(encoding="utf-8")) for core in CORES if asked.only in core}
    for core, tree in trees.items():
        if is_noticed(core, tree):
            sys.exit(f"the tests of {core} fail without a change")
    possible = [(core, change) for core, tree in trees.items() for change in changes(tree)]
    lines = Path(__file__).with_name("equivalent.tsv").read_text(encoding="utf-8").splitlines()
    equivalent = {(core, text) for core, text, _ in (line.split("\t") for line in lines)}
    for core, text in equivalent - {(core, change.text) for core, change in possible}:
        if core in trees:
            print(f"equivalent.tsv: {core} has no longer {text}")
    possible = [(core, change) for core, change in possible if (core, change.text) not in equivalent]
    tried, noticed = Counter[str](), Counter[str]()
    for core, change in random.Random(asked.seed).sample(possible, min(asked.sample, len(possible))):
        tried[core] += 1
        if is_noticed(core, trees[core], change):
            noticed[core] += 1
        else:
            print(f"{core}:{change.line} {change.text}", flush=True)
    for core in trees:
        print(f"{noticed[core]:5} of {tried[core]:4} {core}")
    share = noticed.total() / tried.total()
    print(f"{noticed.total():5} of {tried.total():4} noticed, {share:.1%}; {len(possible)} changes are possible")
    return int(share < WANTED)


def is_noticed(core: str, tree: ast.Module, change: Change | None = None) -> bool:
    """Say whether a test of the core fails, crashes or does not end after this change."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] != 0
    code = 1
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        # After a change, a loop may never end.
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        signal.alarm(SECONDS)
        if change:
            change.apply()
        _import(core, tree)
        code = pytest.main([*OPTIONS.split(), *map(str, _tests(core))])
    finally:
        os._exit(code)


def _tests(core: str) -> list[Path]:
    folder = Path("tests", "unit" if core.startswith("src") else "functions")
    return [folder / f"test_{name}.py" for name in CORES[core].split()]


def _import(core: str, tree: ast.Module) -> None:
    """Import a core from its syntax tree, so that the tests find it imported."""
    name = f"musicgenerator.{Path(core).stem}" if core.startswith("src") else Path(core).stem
    spec = importlib.util.spec_from_file_location(name, Path(core).absolute())
    assert spec
    importlib.import_module("musicgenerator")
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    exec(compile(ast.fix_missing_locations(tree), core, "exec"), module.__dict__)


if __name__ == "__main__":
    sys.exit(main())
