"""Which folder of the repository may import which, read from the source; the length and the names of modules."""

import ast
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted(path.parent for path in REPOSITORY.glob("functions/*/main.py"))
PRODUCT = ("src", "functions", "pipeline", "localcloud", "operations", "infra", "benchmarks", "web")
FOLDERS = ("localcloud", "operations", "infra", "benchmarks", "tests")
MAX_LINES = 350
MAX_LOCALCLOUD_FILES = 10


def modules(*folders: str) -> list[Path]:
    """Return the Python files that these folders hold, at any depth."""
    found = [path for folder in folders for path in (REPOSITORY / folder).rglob("*.py")]
    return sorted(path for path in found if "node_modules" not in path.parts)


def imported(paths: Iterable[Path]) -> list[tuple[str, str]]:
    """Return each file with each module that it imports, wherever in it; ``from a import b`` counts as ``a.b``."""
    found = []
    for path in paths:
        file = str(path.relative_to(REPOSITORY))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found += [(file, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}: imports are absolute"
                found += [(file, f"{node.module}.{alias.name}") for alias in node.names]
    return found


def forbidden(paths: Iterable[Path], folders: Iterable[str]) -> list[tuple[str, str]]:
    """Return the imports from these folders."""
    return [(file, name) for file, name in imported(paths) if name.partition(".")[0] in set(folders)]


@pytest.mark.parametrize("folder", ["operations", "infra"])
def test_the_operators_commands_and_the_deployment_need_no_local_cloud(folder: str) -> None:
    """They work on a project, so they read addresses from the environment and import nothing of the tests."""
    assert forbidden(modules(folder), {"localcloud", "benchmarks", "tests"}) == []


def test_the_local_clouds_services_import_no_other_folder() -> None:
    """Only its top level, where the operator's commands start, may use ``operations``."""
    services = [path for path in modules("localcloud") if path.parent.name != "localcloud"]
    assert forbidden(services, set(FOLDERS) - {"localcloud"}) == []


def test_the_benchmarks_use_the_local_cloud_from_its_top_level() -> None:
    """Tests need the same parts of its services, so these parts are in ``tests.support``."""
    services = {path.parent.name for path in REPOSITORY.glob("localcloud/*/__init__.py")}
    found = [(file, name.split(".")) for file, name in imported(modules("benchmarks"))]
    assert [
        (file, parts)
        for file, parts in found
        if (parts[0] == "localcloud" and parts[1] in services) or (parts[0] == "tests" and parts[1] != "support")
    ] == []


def test_tests_import_no_benchmark_harness() -> None:
    """Benchmarks may be tested; what several tests share is in ``tests.support``, never in a benchmark."""
    assert forbidden(modules("tests/support"), {"benchmarks"}) == []


def test_the_shared_packages_import_no_other_part() -> None:
    """They are copied into every function, where nothing else of this repository exists."""
    names = {path.stem for function in FUNCTIONS for path in function.glob("*.py")}
    assert forbidden(modules("src"), {*FOLDERS, "functions", "pipeline", "web", *names}) == []


def test_the_pages_python_needs_only_the_standard_library() -> None:
    """The deployment and the local server both import it, each with its own requirements or none."""
    found = {(file, name.partition(".")[0]) for file, name in imported((REPOSITORY / "web").glob("*.py"))}
    assert [(file, name) for file, name in sorted(found) if name not in sys.stdlib_module_names] == []


def test_the_local_clouds_top_level_is_short() -> None:
    """Each service has a folder, so a reader finds its files there."""
    files = [path.name for path in (REPOSITORY / "localcloud").iterdir() if path.is_file()]
    assert len(files) <= MAX_LOCALCLOUD_FILES, files


def test_no_module_of_the_product_is_long() -> None:
    """A longer module does more than one thing and is split."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules(*PRODUCT)}
    assert {str(path): lines for path, lines in lengths.items() if lines > MAX_LINES} == {}


def test_the_composer_and_the_describer_share_no_module_name() -> None:
    """Both have modules about genres and moods, so their names say which part they belong to."""
    composer, describer = (
        {path.stem for path in (REPOSITORY / folder).glob("*.py")} - {"__init__", "__main__"}
        for folder in ("pipeline/engines/composer", "localcloud/openai/describer")
    )
    assert composer & describer == set()


def test_each_functions_modules_have_names_of_their_own() -> None:
    """Only `main` exists in every function, so a module's name in a traceback identifies the function."""
    names = Counter(path.stem for function in FUNCTIONS for path in function.glob("*.py"))
    assert [name for name, times in names.items() if times > 1] == ["main"]
