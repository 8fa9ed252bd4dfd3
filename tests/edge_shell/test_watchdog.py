"""What systemd hears, on a real datagram socket as it has one."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.core.heart import LINK, LOOP, PLAYER, Heart
from edge.shell.service_manager import ServiceManager
from edge.shell.watchdog import Watchdog

PATIENT = {LOOP: 60.0, LINK: 60.0, PLAYER: 60.0}


class Systemd:
    """The far end of `NOTIFY_SOCKET`."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.settimeout(0.02)
        self.environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "200000"}
        self.heard: list[str] = []

    def listen(self) -> list[str]:
        """All that has been said so far."""
        try:
            while True:
                self.heard.append(self._socket.recv(4096).decode())
        except TimeoutError:
            return self.heard

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["a path", "an abstract name"])
def systemd(request: Any, tmp_path: Path) -> Iterator[Systemd]:
    path = tmp_path / "notify"
    made = Systemd(str(path) if request.param == "a path" else f"@loaxa-{os.getpid()}")
    yield made
    made.close()


@pytest.fixture
def manager(systemd: Systemd) -> ServiceManager:
    return ServiceManager(systemd.environment, os.getpid())


def test_what_it_says_is_what_systemd_reads(systemd: Systemd, manager: ServiceManager) -> None:
    manager.ready()
    manager.status("đang phát: tin-chieu\nFAULT")
    manager.alive()
    manager.stopping()
    assert systemd.listen() == [
        "READY=1", "STATUS=đang phát: tin-chieu FAULT", "WATCHDOG=1", "STOPPING=1",
    ]  # fmt: skip


def test_the_watchdogs_time_is_its_own_alone(systemd: Systemd) -> None:
    assert ServiceManager(systemd.environment, 5).watchdog_s == 0.2
    assert ServiceManager({**systemd.environment, "WATCHDOG_PID": "5"}, 5).watchdog_s == 0.2
    assert ServiceManager({**systemd.environment, "WATCHDOG_PID": "6"}, 5).watchdog_s is None
    assert ServiceManager({"WATCHDOG_USEC": "soon"}, 5).watchdog_s is None


def test_without_a_manager_nothing_is_said_and_nothing_fails(tmp_path: Path) -> None:
    for environment in ({}, {"NOTIFY_SOCKET": str(tmp_path / "nobody")}):
        ServiceManager(environment, 5).ready()


def test_a_manager_that_does_not_read_does_not_hold_the_agent(
    systemd: Systemd, manager: ServiceManager
) -> None:
    for _ in range(2000):
        manager.alive()
    assert 0 < len(systemd.listen()) < 2000


async def test_the_loops_first_turn_makes_it_ready_once(
    systemd: Systemd, manager: ServiceManager
) -> None:
    watchdog = Watchdog(manager, Heart(asyncio.get_running_loop().time(), PATIENT))
    watchdog.status = lambda: "plan 7"
    watchdog.sign(LINK)
    assert systemd.listen() == []
    watchdog.sign(LOOP)
    watchdog.sign(LOOP)
    assert systemd.listen() == ["READY=1", "WATCHDOG=1", "STATUS=plan 7"]


async def test_it_is_fed_while_all_go_on_and_the_status_is_said_when_it_changes(
    systemd: Systemd, manager: ServiceManager, running: Any, eventually: Any
) -> None:
    watchdog = Watchdog(manager, Heart(asyncio.get_running_loop().time(), PATIENT))
    watchdog.status = lambda: "plan 7"
    async with running(watchdog.run()):
        await eventually(lambda: systemd.listen().count("WATCHDOG=1") >= 5)
    assert systemd.heard.count("STATUS=plan 7") == 1


@pytest.mark.parametrize("stuck", [LOOP, LINK, PLAYER])
async def test_one_part_that_hangs_ends_the_feeding_until_it_goes_on(
    systemd: Systemd, manager: ServiceManager, running: Any, eventually: Any, stuck: str
) -> None:
    began_s = asyncio.get_running_loop().time()
    patience = PATIENT | {stuck: 0.0}
    watchdog = Watchdog(manager, Heart(began_s, patience))
    looked: list[None] = []
    watchdog.status = lambda: looked.append(None)
    async with running(watchdog.run()):
        await eventually(lambda: len(looked) >= 5)
        assert systemd.listen() == []
        watchdog._heart = Heart(asyncio.get_running_loop().time(), PATIENT)
        await eventually(lambda: "WATCHDOG=1" in systemd.listen())


async def test_a_part_that_blocks_the_loops_thread_feeds_nothing(
    systemd: Systemd, manager: ServiceManager, running: Any, eventually: Callable[..., Any]
) -> None:
    """As a commit on a card that hangs would: the watchdog runs in that same thread."""
    watchdog = Watchdog(manager, Heart(asyncio.get_running_loop().time(), PATIENT))
    let_go, during = threading.Event(), []

    def outside() -> None:
        systemd.listen()
        before = len(systemd.heard)
        for _ in range(20):  # 20 x 20 ms, eight feedings
            systemd.listen()
        during.append(len(systemd.heard) - before)
        let_go.set()

    async with running(watchdog.run()):
        await eventually(lambda: "WATCHDOG=1" in systemd.listen())
        looker = threading.Thread(target=outside)
        looker.start()
        let_go.wait(20)  # the loop stands still here
        looker.join()
        await eventually(lambda: systemd.listen()[-1] == "WATCHDOG=1")
    assert during == [0]
