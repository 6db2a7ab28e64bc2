"""The READMEs say the same in English and Korean, and what they name exists."""

import re
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from benchmarks import costs
from infra.settings import SETTINGS

REPOSITORY: Final = Path(__file__).parents[2]
OPERATIONS: Final = REPOSITORY / "docs" / "operations.md"
README: Final = REPOSITORY / "README.md"
KOREAN: Final = REPOSITORY / "README.ko.md"
# Files that differ by language, with their counterparts; everything else is the same in both READMEs.
LANGUAGE: Final = re.compile(r"^(README|docs/media/\w+)\.(?:(?:ko|en)\.)?(md|jpg)$")
DOCUMENTS: Final = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])


def blocks(document: Path) -> list[str]:
    """Return the code blocks of a Markdown document."""
    return re.findall(r"^```\w*\n(.*?)^```$", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def links(document: Path) -> list[str]:
    """Return what a Markdown document links to or shows, code blocks and code left out."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"<img src=\"([^\"]+)\"", text)


def local_links(document: Path) -> list[str]:
    """Return the links that lead to a file of the repository."""
    return [link for link in links(document) if not re.match(r"[a-z]+:", link)]


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub gives to a document's headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(document: Path) -> set[str]:
    """Return the Make targets that a document names in code."""
    inline = re.findall(r"`(make [^`]+)`", document.read_text(encoding="utf-8"))
    code = re.sub(r" +#.*", "", "\n".join([*blocks(document), *inline]))
    return set(re.findall(r"\bmake (?:-s )?([a-z][a-z_-]*)", code))


def test_both_readmes_show_the_same_commands() -> None:
    """Code blocks are equal, character by character and in the same order."""
    assert blocks(KOREAN) == blocks(README)
    assert len(blocks(README)) >= 6


def test_both_readmes_link_to_the_same_places() -> None:
    """Links are equal, but for each other and for the screenshots in the README's own language."""
    linked = {
        document: Counter(LANGUAGE.sub(r"\1.\2", link) for link in links(document)) for document in (README, KOREAN)
    }
    assert linked[KOREAN] == linked[README]
    assert links(README)[0] == "README.ko.md"
    assert links(KOREAN)[0] == "README.md"


def test_both_readmes_have_the_same_tables() -> None:
    """A row that was added in one language is missing in the other."""
    rows = {
        document: [
            line.count("|") for line in document.read_text(encoding="utf-8").splitlines() if line.startswith("|")
        ]
        for document in (README, KOREAN)
    }
    assert rows[KOREAN] == rows[README]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(REPOSITORY)))
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    """No document links to a file or a heading that was renamed or removed."""
    broken = []
    for link in local_links(document):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(REPOSITORY)))
def test_every_make_command_exists(document: Path) -> None:
    """No document tells to run a target that the Makefile does not have."""
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    known = {name for names in re.findall(r"^([a-z_ -]+):", makefile, re.MULTILINE) for name in names.split()}
    known |= {f"build-{function.name}" for function in (REPOSITORY / "functions").iterdir()}
    assert commands(document) - known == set()


def variables(document: Path) -> set[str]:
    """Return the variables that a Markdown document gives to Make or sets beside it."""
    text = re.sub(r"^ *```.*?^ *```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    code = [line for block in blocks(document) for line in block.splitlines() if "make " in line]
    inline = re.findall(r"`((?:make )?[^`]*?[A-Z]=[^`]*|[A-Z][A-Z_]+=[^`]*)`", text)
    return {name for line in (*code, *inline) for name in re.findall(r"(?<![\w$/{])([A-Z][A-Z_]+)=", line)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(REPOSITORY)))
def test_every_variable_of_a_command_exists(document: Path) -> None:
    """No document tells to give a variable that neither the Makefile nor the deployment reads."""
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    known = set(SETTINGS) | set(re.findall(r"\$[({]?(?:or |if )?\$?\(?([A-Z][A-Z_]+)", makefile))
    for folder in ("infra", "operations", "localcloud", "src", "functions", "tests"):
        for file in (REPOSITORY / folder).rglob("*.py"):
            known |= set(re.findall(r"\"([A-Z][A-Z_]+)\"", file.read_text(encoding="utf-8")))
    known |= set(re.findall(r"process\.env\.([A-Z_]+)", (REPOSITORY / "web" / "build.mjs").read_text(encoding="utf-8")))
    # The name of any setting.
    assert variables(document) - known - {"NAME"} == set()


def test_the_operators_page_has_every_setting() -> None:
    """Its tables name each setting, and no variable that nobody reads."""
    tables = re.findall(r"(?m)^\| (?:setting|variable) \|.*\n((?:\|.*\n)+)", OPERATIONS.read_text(encoding="utf-8"))
    rows = [line.split("|")[1] for table in tables for line in table.splitlines()]
    named = {name for row in rows for name in re.findall(r"`([A-Z][A-Z_]+)(?:=1)?`", row)}
    assert set(SETTINGS) - named == set()
    read = "".join(
        file.read_text(encoding="utf-8")
        for folder in ("infra", "src", "functions")
        for file in (REPOSITORY / folder).rglob("*.py")
    )
    assert {name for name in named if f'"{name}"' not in read} == set()


@pytest.mark.parametrize("document", [README, KOREAN], ids=["README.md", "README.ko.md"])
def test_the_prices_are_those_of_make_costs(document: Path) -> None:
    """The READMEs show the first columns of the first table, up to a million a month, without its brackets."""
    table, *_ = costs.report().partition("\n\n")
    printed = [re.sub(r" \([^)]*\)", "", line) for line in table.splitlines() if re.match(r"\| 1,000(,000)? ", line)]
    assert re.findall(r"(?m)^\| 1,000(?:,000)? \|.*$", document.read_text(encoding="utf-8")) == printed
    assert len(printed) == 3


@pytest.mark.parametrize("document", [README, KOREAN], ids=["README.md", "README.ko.md"])
def test_every_named_test_exists(document: Path) -> None:
    """The tests that the table of changes names exist."""
    named = re.findall(r"`((?:tests|web/test)/[\w./]+)`", document.read_text(encoding="utf-8"))
    assert [name for name in named if not (REPOSITORY / name).exists()] == []
    assert len(named) >= 5
