"""What is written about the code is there: modules, files, numbers."""

import re
from collections import Counter
from pathlib import Path

import pytest

import newsletter.sending
from newsletter.settings import BASE_DIR

DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "docs/decisions/*.md")
    for path in BASE_DIR.glob(pattern)
)
# Files with the way to them; what is above a folder of ours is somebody else's.
FILE = re.compile(
    r"(?<![\w./<-])((?:newsletter|tracking|subscribers|tests|scripts|benchmarks)/[\w./-]+)"
)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)]*))?\)")


def test_the_list_of_sending_names_each_of_its_modules_once():
    folder = Path(newsletter.sending.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    text = newsletter.sending.__doc__ or ""

    # Some are named beside the module whose part they are.
    listed = Counter(re.findall(r"(?m)^    ([a-z_]+)  ", text))
    named = set(re.findall(r"[a-z_]+", text))

    assert modules <= named, modules - named
    assert set(listed) <= modules, set(listed) - modules
    assert set(listed.values()) == {1}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(BASE_DIR)))
def test_each_link_of_a_document_leads_somewhere(document):
    links = [link for link in LINK.findall(document.read_text()) if "://" not in link[0]]

    missing = [
        f"{file}#{heading}"
        for file, heading in links
        if not (target := document.parent / file if file else document).exists()
        or (heading and heading not in headings(target))
    ]

    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(BASE_DIR)))
def test_each_file_of_ours_that_a_document_names_is_there(document):
    named = {match.rstrip(".,") for match in FILE.findall(document.read_text())}

    assert [file for file in sorted(named) if not (BASE_DIR / file).exists()] == []


@pytest.mark.parametrize("package", ["newsletter", "newsletter/admin", "tracking", "subscribers"])
def test_the_map_of_the_code_names_each_module(package):
    text = (BASE_DIR / "docs" / "code.md").read_text()
    chapter = text.split(f"\n## {package}/\n")[1].split("\n## ")[0]
    folder = BASE_DIR / package

    there = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    there |= {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")} - {"migrations/"}
    named = set(re.findall(r"\b(?<!/)[a-z_]+(?:\.py|/)", chapter))

    assert there - named == set()
    assert {name for name in named if not (folder / name).exists()} == set()


def test_decisions_are_numbered_one_by_one():
    numbers = [int(path.name[:4]) for path in sorted(BASE_DIR.glob("docs/decisions/*.md"))]

    assert numbers == list(range(1, len(numbers) + 1))


def headings(path: Path) -> set[str]:
    """Return the headings of a document as addresses name them."""
    lines = re.findall(r"(?m)^#+ (.*)$", path.read_text())
    return {re.sub(r"[^\w\- ]", "", line.lower()).strip().replace(" ", "-") for line in lines}
