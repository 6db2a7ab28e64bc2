import ast
import sys
from pathlib import Path

import pytest

import musicgenerator

MODULES = sorted(Path(musicgenerator.__file__).parent.glob("**/*.py"))


def imported(path: Path) -> set[str]:
    """Return the top-level names that a module imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports are absolute"
            names.add(str(node.module).split(".")[0])
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_the_contracts_need_nothing_but_the_standard_library(path: Path) -> None:
    """Every cold start of every function pays for these imports."""
    assert not imported(path) - sys.stdlib_module_names - {"musicgenerator"}
