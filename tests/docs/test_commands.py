"""Every command that a page tells people to type is one that the programs take."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.app import parser as edge_parser
from hardware.board import BOARDS
from hub.app import parser as hub_parser
from provisioning.bench.app import parser as bench_parser

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "loaxa-hub": hub_parser,
    "loaxa-edge": edge_parser,
    "loaxa-bench": bench_parser,
}
FENCE = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")
TYPED = re.compile(r"(?m)^\s*(?:\.venv/bin/)?(loaxa-(?:hub|edge|bench) [a-z].*)")
INLINE = re.compile(r"`(?:\.venv/bin/)?(loaxa-(?:hub|edge|bench) [a-z][^`]*)`")
LEFT_OPEN = re.compile(r"\.\.\.|…")
"""A command that is only named, not spelled out."""


def commands() -> Iterator[str]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for kind, block in FENCE.findall(text):
            if kind in ("", "sh"):
                yield from TYPED.findall(block)
        yield from (one for one in INLINE.findall(FENCE.sub("", text)) if not LEFT_OPEN.search(one))


def is_only_named(program: str, words: list[str]) -> bool:
    """`loaxa-bench up`, `loaxa-hub cluster add`, `loaxa-bench link CLUSTER STATE`: no real arguments."""
    return program in PARSERS and all(word.isalpha() for word in words)


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_a_command_on_a_page_is_taken(line: str) -> None:
    program, *words = shlex.split(line, comments=True)
    words = words[: words.index(">")] if ">" in words else words
    words = [word for word in words if word != "&"]
    if is_only_named(program, words):
        with pytest.raises(SystemExit) as end:
            PARSERS[program]().parse_args([*words[:1], "--help"])
        assert end.value.code == 0
    else:
        PARSERS[program]().parse_args(words)


def test_there_are_commands_on_the_pages() -> None:
    found = set(commands())
    assert len(found) > 10
    assert {line.split()[0] for line in found} == set(PARSERS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_on_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("target", ["bench", "test", "check", "scenarios", "benchmark", "lock"])
def test_a_make_target_on_a_page_is_there(target: str) -> None:
    assert re.search(rf"(?m)^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"))


@pytest.mark.parametrize("board", BOARDS)
def test_the_hub_knows_every_board(board: str) -> None:
    hub_parser().parse_args(["cluster", "add", "bl-01", "--out", "x.toml", "--board", board])
