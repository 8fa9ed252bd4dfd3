"""A real hub and broker on one computer, the agent's own link on another, and a cable between them that goes dead.

Nothing is closed and nothing is reset: both kernels, the broker and the link have to find out by themselves.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardware.clock import SystemClock
from hub.app import parser
from hub.cli.clusters import add
from hub.cli.init import init

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.outage, pytest.mark.timeout(400)]

HUB = "10.77.0.2"
LOST_WITHIN_S, BACK_WITHIN_S = 100.0, 10.0
"""What is promised."""
BUSY_S = 60.0
"""A busy machine may add so much before this test calls it broken; the figures are in `loaxa-bench alarms`."""
TURN = re.compile(r"hub\.live: cluster bl-01 is (there|lost)$", re.MULTILINE)


def make_hub(state: Path, configs: Path) -> None:
    configs.mkdir()
    asyncio.run(_make_hub(state, configs))


async def _make_hub(state: Path, configs: Path) -> None:
    wanted = ["init", "--state", str(state), "--commune", "binh-lu"]
    await init(parser().parse_args([*wanted, "--http", f"{HUB}:8080", "--mqtt", f"{HUB}:1883"]))
    wanted = [
        "cluster",
        "add",
        "bl-01",
        "--state",
        str(state),
        "--out",
        str(configs / "bl-01.toml"),
    ]
    await add(parser().parse_args(wanted))


class Rehearsal:
    """Hub and link run; what the hub says is read from its log."""

    def __init__(self, folder: Path, computers: Any, until: Callable[..., float]) -> None:
        self._logs = {name: folder / f"{name}.log" for name in ("hub", "edge")}
        self._until = until
        with self._logs["hub"].open("w") as log:
            command = [sys.executable, "-m", "hub.app", "serve", "--state", str(folder / "hub")]
            computers.start_at_hub(command, log)
        self.says("hub", "loaxa-hub: ready", 60.0)
        with self._logs["edge"].open("w") as log:
            command = [sys.executable, "-m", "edge.practice", "links", str(folder / "configs")]
            computers.start_at_edge(command, log)

    def turns(self) -> list[str]:
        return TURN.findall(self._logs["hub"].read_text())

    def says(self, who: str, what: str, within_s: float) -> float:
        return self._until(lambda: what in self._logs[who].read_text(), within_s)

    def turned(self, turns: list[str], within_s: float) -> float:
        """Waits for so many turns; how long it took."""
        return self._until(lambda: self.turns() == turns, within_s + BUSY_S)


@pytest.fixture
def until() -> Callable[..., float]:
    """Polls a condition; how long it took to hold."""
    clock, pause = SystemClock(), threading.Event()

    def wait(holds: Callable[[], bool], within_s: float) -> float:
        began_ns = clock.mono_ns()
        while not holds():
            took_s = (clock.mono_ns() - began_ns) / 1e9
            assert took_s < within_s, f"not within {within_s:.0f} s"
            pause.wait(0.05)
        return (clock.mono_ns() - began_ns) / 1e9

    return wait


@pytest.fixture(params=["cable", "netem"])
def bad_weather(request: pytest.FixtureRequest, computers: Any) -> None:
    """Frames take 150 ms each way, and one in twelve is lost."""
    if request.param == "cable":
        computers.cable(delay_s=0.15, loss=0.08)
    elif said := computers.netem("delay", "150ms", "loss", "8%"):
        pytest.skip(f"this kernel has no netem ({said}); the cable does the same")


@pytest.mark.usefixtures("bad_weather")
def test_a_link_that_dies_without_a_word_is_lost_once_and_back_once(
    tmp_path: Path, computers: Any, until: Any
) -> None:
    make_hub(tmp_path / "hub", tmp_path / "configs")
    rehearsal = Rehearsal(tmp_path, computers, until)
    rehearsal.turned(["there"], 30.0)
    rehearsal.says("edge", "link up", BUSY_S)
    computers.cable(cut=True)
    log.info("lost after %.1f s", rehearsal.turned(["there", "lost"], LOST_WITHIN_S))
    rehearsal.says("edge", "link down", BUSY_S)
    computers.cable(cut=False)
    log.info("back after %.1f s", rehearsal.turned(["there", "lost", "there"], BACK_WITHIN_S))
    # The broker still holds the dead connection: that its end is told now, or never, changes nothing.
    assert rehearsal.turns() == ["there", "lost", "there"]
