from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from provisioning.bench import control
from provisioning.bench.app import REFUSED, main
from provisioning.bench.control import change, is_running, listening
from provisioning.bench.errors import BenchError
from provisioning.bench.forwarder import Conditions
from provisioning.bench.link import Link

NOWHERE = ("127.0.0.1", 9)


@pytest.fixture
def links() -> dict[str, Link]:
    """Links that nothing uses: what is asked of them is seen in their conditions."""
    return {name: Link(NOWHERE, NOWHERE) for name in ("bl-01", "bl-02")}


def conditions(link: Link) -> Conditions:
    assert link.messages._conditions == link.sounds._conditions
    return link.messages._conditions


def asked(cluster: str, state: str) -> bytes:
    return json.dumps({"cluster": cluster, "state": state}).encode()


def test_one_link_is_cut_and_restored(links: dict[str, Link]) -> None:
    assert change(asked("bl-02", "down"), links) == {"said": "bl-02: link down"}
    assert conditions(links["bl-02"]).down
    assert not conditions(links["bl-01"]).down
    assert change(asked("bl-02", "up"), links) == {"said": "bl-02: link up"}
    assert not conditions(links["bl-02"]).down


def test_all_links_become_slow(links: dict[str, Link]) -> None:
    assert change(asked("all", "slow"), links) == {"said": "all: link slow"}
    assert all(conditions(link).bytes_per_s > 0 for link in links.values())


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (asked("bl-09", "down"), "there is no cluster 'bl-09' (there are: bl-01, bl-02)"),
        (asked("all", "loud"), "a link can be down, up or slow, not 'loud'"),
        (b"link down", "the rig did not understand"),
        (b"[]", "the rig did not understand"),
        (b"{}", "the rig did not understand"),
        (b"\xff\xfe", "the rig did not understand"),
    ],
)
def test_what_is_not_understood_changes_nothing(
    links: dict[str, Link], line: bytes, error: str
) -> None:
    assert change(line, links) == {"error": error}
    assert all(conditions(link) == Conditions() for link in links.values())


# Over the socket


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
async def rig(
    tmp_path: Path, links: dict[str, Link], told: list[str]
) -> AsyncIterator[dict[str, Link]]:
    async with listening(tmp_path, links, told.append):
        yield links


def order(folder: Path, cluster: str, state: str) -> argparse.Namespace:
    return argparse.Namespace(dir=folder, cluster=cluster, state=state)


async def test_another_terminal_cuts_a_link(
    rig: dict[str, Link], tmp_path: Path, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await control.link(order(tmp_path, "bl-01", "down")) == 0
    assert conditions(rig["bl-01"]).down
    assert capsys.readouterr().out == "bl-01: link down\n"
    assert told == ["bl-01: link down"]


@pytest.mark.usefixtures("rig")
async def test_another_terminal_is_told_what_is_wrong(tmp_path: Path, told: list[str]) -> None:
    with pytest.raises(BenchError, match="there is no cluster 'bl-09'"):
        await control.link(order(tmp_path, "bl-09", "down"))
    assert told == []


async def test_a_rig_is_known_to_run_while_it_does(
    tmp_path: Path, links: dict[str, Link], told: list[str]
) -> None:
    assert not await is_running(tmp_path)
    async with listening(tmp_path, links, told.append):
        assert await is_running(tmp_path)
        assert await control.link(order(tmp_path, "all", "up")) == 0
    assert not await is_running(tmp_path)


async def test_a_socket_left_behind_by_a_killed_rig_does_not_hinder(
    tmp_path: Path, links: dict[str, Link], told: list[str]
) -> None:
    (tmp_path / control.SOCKET).touch()
    assert not await is_running(tmp_path)
    async with listening(tmp_path, links, told.append):
        assert await is_running(tmp_path)
        assert await control.link(order(tmp_path, "all", "up")) == 0


async def test_a_terminal_that_says_nothing_does_not_hold_up_the_end(
    tmp_path: Path, links: dict[str, Link], told: list[str]
) -> None:
    async with asyncio.timeout(20):
        async with listening(tmp_path, links, told.append):
            reader, writer = await asyncio.open_unix_connection(tmp_path / control.SOCKET)
            # Whoever comes first is accepted first.
            await control.link(order(tmp_path, "all", "up"))
        assert await reader.read() == b""
    writer.close()


async def test_a_line_without_end_is_not_listened_to(
    rig: dict[str, Link], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_unix_connection(tmp_path / control.SOCKET)
    writer.write(b"x" * 100_000)
    async with asyncio.timeout(20):
        with suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()
    await control.link(order(tmp_path, "bl-01", "down"))
    assert conditions(rig["bl-01"]).down
    assert caplog.records == []


async def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="too long for a Unix socket"):
        await is_running(tmp_path / ("long" * 40))


def test_without_a_rig_the_verb_says_how_to_start_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["link", "bl-02", "down", "--dir", str(tmp_path)]) == REFUSED
    said = capsys.readouterr().err
    assert said.startswith(f"loaxa-bench: no rig runs in {tmp_path}")
    assert "make bench" in said
    assert len(said.splitlines()) == 1
