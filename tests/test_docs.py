"""The pages: every relative link, every anchor and every file of ours that they name is there."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    ROOT / name
    for name in subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE_PATH = re.compile(
    r"`((?:dmvton_mobile|converters|training|benchmarks|tests|examples|docs|android_demo|ios_demo)/[\w./-]+)`"
)


def missing_links(page: Path, text: str) -> list[str]:
    """The link targets and code paths of a page that do not exist."""
    missing = []
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue  # another site's: nothing is fetched
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file.read_text(encoding="utf-8"))):
            missing.append(target)
    return missing + [path for path in CODE_PATH.findall(text) if not (ROOT / path).exists()]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_nothing_that_a_page_names_is_missing(page: Path) -> None:
    assert missing_links(page, page.read_text(encoding="utf-8")) == []


def test_a_dead_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A Heading\n", encoding="utf-8")
    text = "[a](page.md#a-heading) [b](page.md#another) [c](gone.md) [d](https://example.org) `converters/gone.py`"
    assert missing_links(page, text) == ["page.md#another", "gone.md", "converters/gone.py"]
