"""Every command that a page tells people to type is one that the programs take."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.app import parser as edge_parser
from hub.app import parser as hub_parser
from provisioning.bench.app import parser as bench_parser

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "loaxa-hub": hub_parser,
    "loaxa-edge": edge_parser,
    "loaxa-bench": bench_parser,
}
TYPED = re.compile(r"(?m)^\s*(?:\.venv/bin/)?(loaxa-(?:hub|edge|bench) [a-z].*)")


def commands() -> Iterator[str]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"(?ms)^```(?:sh)?\n(.*?)^```", text):
            yield from TYPED.findall(block)


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_a_command_on_a_page_is_taken(line: str) -> None:
    program, *words = shlex.split(line, comments=True)
    words = words[: words.index(">")] if ">" in words else words
    PARSERS[program]().parse_args([word for word in words if word != "&"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_on_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
