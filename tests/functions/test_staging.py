"""Each function's directory has, with the shared packages, everything that the function imports."""

import ast
import functools
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FUNCTIONS = ["captioner", "pipeline_launcher", "result_notifier", "upload_handler"]
SHARED = {"musicgenerator", "musicgenerator_google"}


def modules(path: Path) -> set[str]:
    """Return the dotted names of everything that a module imports, anywhere in its code."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def used_shared(names: set[str]) -> set[Path]:
    """Return the modules of the shared packages that these names import, directly or through each other."""
    found: set[Path] = set()
    due = set(names)
    while due:
        package, *rest = due.pop().split(".")
        if package not in SHARED or not rest:
            continue
        path = REPOSITORY / "src" / package / f"{rest[0]}.py"
        assert path.is_file(), f"{path} does not exist"
        if path not in found:
            found.add(path)
            due |= modules(path)
    return found


def locked(function: str) -> set[str]:
    """Return the normalized names of the distributions in a function's lock."""
    text = (REPOSITORY / "functions" / function / "requirements.txt").read_text(encoding="utf-8")
    return {re.sub(r"[-_.]+", "-", name).lower() for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}


owners_of_modules = functools.cache(packages_distributions)


def distributions(name: str) -> set[str]:
    """Return the installed distributions that contain a module, by its dotted name."""
    top = name.split(".", maxsplit=1)[0]
    owners = {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners_of_modules().get(top, [])}
    if top != "google":
        return owners
    # Many distributions share the package `google`, so look at the rest of the name.
    special = {"google.cloud.aiplatform": "google-cloud-aiplatform", "google.protobuf": "protobuf"}
    special |= {"google.cloud.pubsub": "google-cloud-pubsub", "google.cloud.storage": "google-cloud-storage"}
    special |= {"google.cloud.firestore": "google-cloud-firestore", "google.auth": "google-auth"}
    special |= {"google.api_core": "google-api-core"}
    return {owner for prefix, owner in special.items() if name.startswith(prefix)}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_imports_nothing_that_is_not_staged_or_locked(function: str) -> None:
    """It imports the standard library, its own modules, the shared packages and the locked distributions."""
    paths = sorted((REPOSITORY / "functions" / function).glob("*.py"))
    siblings = {path.stem for path in paths}
    names = {name for path in paths for name in modules(path)}
    names |= {name for path in used_shared(names) for name in modules(path)}
    installed = locked(function)
    for name in sorted(names):
        top = name.split(".")[0]
        if top in sys.stdlib_module_names or top in siblings or top in SHARED:
            continue
        assert distributions(name) & installed, f"{name} is in none of the distributions of {function}"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_s_lock_has_a_hash_for_everything(function: str) -> None:
    """An installation with pip accepts no other file than the locked one."""
    text = (REPOSITORY / "functions" / function / "requirements.txt").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[A-Za-z0-9._-]+==)", text, flags=re.MULTILINE)[1:]
    assert blocks
    assert all("--hash=sha256:" in block for block in blocks)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_file_of_a_function_hides_an_installed_package(function: str) -> None:
    """The installed distribution would win over a module of the same name."""
    siblings = {path.stem for path in (REPOSITORY / "functions" / function).glob("*.py")}
    assert not siblings & set(owners_of_modules())
    assert not siblings & sys.stdlib_module_names


def test_module_names_are_unique() -> None:
    """Only `main` exists in several functions, so one test run can import all other modules."""
    names = [path.stem for function in FUNCTIONS for path in (REPOSITORY / "functions" / function).glob("*.py")]
    others = [name for name in names if name != "main"]
    assert names.count("main") == len(FUNCTIONS)
    assert sorted(others) == sorted(set(others))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_main_reads_the_environment(function: str) -> None:
    """No module asks whether it is tested or runs locally."""
    for path in (REPOSITORY / "functions" / function).glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert ("os.environ" in text) is (path.stem == "main"), path
        assert not re.search(r"if .*(testing|local|emulator)", text, re.IGNORECASE), path
