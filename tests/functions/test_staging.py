"""Each function's directory has, with the shared packages, everything that the function imports."""

import ast
import functools
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FUNCTIONS = ["captioner", "pipeline_launcher", "result_notifier", "sketcher", "upload_handler"]
SHARED = {"musicgenerator", "musicgenerator_google", "pipeline"}


def modules(path: Path) -> set[str]:
    """Return the dotted names of everything that a module imports, anywhere in its code.

    The pipeline's engines import their clients when they are made; those imports do not count.
    """
    names: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if path.is_relative_to(REPOSITORY / "pipeline") else ast.walk(tree):
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
        path = module_file(REPOSITORY if package == "pipeline" else REPOSITORY / "src", package, *rest)
        if path not in found:
            found.add(path)
            due |= modules(path)
    return found


def module_file(root: Path, *parts: str) -> Path:
    """Return the file of a module, or of the module that has an object of this dotted name."""
    for end in range(len(parts), 0, -1):
        place = root.joinpath(*parts[:end])
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                return path
    raise AssertionError(f"{'.'.join(parts)} does not exist")


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
def test_only_the_sketcher_has_the_pipeline_s_modules_and_all_of_them_are_staged(function: str) -> None:
    """The Makefile lists the files and folders of the pipeline that the sketcher gets."""
    names = {name for path in (REPOSITORY / "functions" / function).glob("*.py") for name in modules(path)}
    used = {path for path in used_shared(names) if path.is_relative_to(REPOSITORY / "pipeline")}
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    listed = re.search(r"^COMPOSER := ((?:.*\\\n)*.*)\n", makefile, re.MULTILINE)
    assert listed
    staged = [REPOSITORY / name for name in listed[1].replace("\\", " ").split()]
    assert all(any(path.is_relative_to(each) for each in staged) for path in used)
    assert bool(used) is (function == "sketcher")


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
