"""Change the cores at random, one small change at a time, and print the changes that their tests do not notice."""

import argparse
import ast
import gc
import importlib.util
import os
import random
import resource
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Final, NoReturn

import pytest

from tests.mutation.cores import CORES, EQUIVALENT, PRELOADED
from tests.mutation.mutating import Mutation, mutations

REPOSITORY: Final = Path(__file__).resolve().parents[2]
SECONDS: Final = 300
CPU_SECONDS: Final = 30
OPTIONS: Final = "-x -q --assert=plain --timeout=0 -p no:cacheprovider -p no:schemathesis -p no:anyio"


def main() -> int:
    """Try a sample of the changes; return 1 if fewer than 95 % of them are noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="a part of a core's path")
    asked = parser.parse_args()
    os.chdir(REPOSITORY)
    sys.path[:0] = [str(path) for path in (*REPOSITORY.glob("functions/*"), REPOSITORY / "src", REPOSITORY)]
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()
    trees = {core: ast.parse((REPOSITORY / core).read_text(encoding="utf-8")) for core in CORES if asked.only in core}
    for core, tree in trees.items():
        if _is_noticed(core, tree):
            sys.exit(f"the tests of {core} fail without a change")
    found = [(core, change) for core, tree in trees.items() for change in mutations(tree)]
    different = [(core, change) for core, change in found if str(change) not in EQUIVALENT.get(core, {})]
    tried, noticed = Counter[str](), Counter[str]()
    for core, change in random.Random(asked.seed).sample(different, min(asked.sample, len(different))):
        tried[core] += 1
        if _is_noticed(core, trees[core], change):
            noticed[core] += 1
        else:
            print(f"{core}:{change.line} {change}", flush=True)
    for core in tried:
        print(f"{noticed[core]:5} of {tried[core]:4} {core}")
    share = noticed.total() / tried.total()
    print(
        f"{noticed.total():5} of {tried.total():4} noticed: {share:.1%}; {len(found) - len(different)} are equivalent"
    )
    return int(share < 0.95)


def _is_noticed(core: str, tree: ast.Module, change: Mutation | None = None) -> bool:
    child = os.fork()
    if not child:
        _test(core, tree, change)
    _, status = os.waitpid(child, 0)
    return status != 0


def _test(core: str, tree: ast.Module, change: Mutation | None) -> NoReturn:
    """Run a core's tests in this process, which is a fork, with the changed module in place of the core."""
    code = 1
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        # A change may loop for ever.
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        signal.alarm(SECONDS)
        if change:
            change.apply()
        package = "musicgenerator." if core.startswith("src") else ""
        spec = importlib.util.spec_from_file_location(package + Path(core).stem, REPOSITORY / core)
        assert spec
        if package:
            importlib.import_module("musicgenerator")
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        exec(compile(ast.fix_missing_locations(tree), core, "exec"), module.__dict__)
        code = pytest.main([*OPTIONS.split(), *_files(core)])
    finally:
        os._exit(code)


def _files(core: str) -> list[str]:
    folder = "unit" if core.startswith("src") else "functions"
    paths = [Path("tests", folder, f"test_{name}.py") for name in CORES[core].split()]
    return [str(path) for path in paths if path.exists()]


if __name__ == "__main__":
    sys.exit(main())
