from __future__ import annotations

import asyncio
import json
import selectors
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import pytest

EDGE, HUB = "10.77.0.1", "10.77.0.2"
WIRE = Path(__file__).with_name("wire.py")
NO_OFFLOAD = """
import array, fcntl, socket, struct, sys
off = array.array("B", struct.pack("II", 0x17, 0))
asked = struct.pack("16sP", sys.argv[1].encode(), off.buffer_info()[0])
fcntl.ioctl(socket.socket(), 0x8946, asked)
"""
"""SIOCETHTOOL, ETHTOOL_STXCSUM: every frame has its checksum in it, and so none is longer than the cable takes."""


class _Skipping(selectors.SelectSelector):
    """Waits for nobody: what the loop would sleep passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout > 0:
            self.ahead_s += timeout
        return super().select(0 if timeout is not None else None)


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop in which hours of waiting take no time, as long as nothing outside it is waited for."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return super().time() + self._skipping.ahead_s


@pytest.fixture
def jumping() -> Any:
    """Runs a coroutine to its end on a loop whose waiting takes no time."""

    def run(coroutine: Any) -> Any:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            return runner.run(coroutine)

    return run


def why_not() -> str:
    """Why there can be no namespaces here; empty: there can."""
    for tool in ("unshare", "nsenter", "ip", "tc"):
        if shutil.which(tool) is None:
            return f"{tool} is missing: run scripts/setup test"
    trial = "ip link add va type veth peer name vb"
    made = subprocess.run(
        ["unshare", "-rn", *trial.split()], check=False, capture_output=True, text=True
    )
    return "" if made.returncode == 0 else f"no namespaces here: {made.stderr.strip()}"


class TwoComputers:
    """An edge and a hub, each with a network of its own, and the cable between them. Use it with `with`."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._between = self._edge = self._hub = 0
        self._cable: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        try:
            self._between = self._hold(["unshare", "-rn"])
            self._edge = self._hold([*self._in(self._between), "unshare", "-n"])
            self._hub = self._hold([*self._in(self._between), "unshare", "-n"])
            self._lay("e", self._edge, EDGE)
            self._lay("h", self._hub, HUB)
            self._cable = self.start(
                self._between, [sys.executable, str(WIRE), "e1", "h1"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
            self._answer("ready")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _hold(self, enter: list[str]) -> int:
        """A namespace lives as long as a process in it; this one says so and then waits."""
        holder = subprocess.Popen(
            [*enter, "sh", "-c", "echo in; exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._end_later(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "in\n", "no namespace"
        return holder.pid

    def _end_later(self, process: subprocess.Popen[str]) -> None:
        def end() -> None:
            process.terminate()
            process.wait(20)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

        self._stack.callback(end)

    @staticmethod
    def _in(holder: int) -> list[str]:
        return ["nsenter", "-t", str(holder), "-U", "-n", "--preserve-credentials"]

    def _run(self, where: int, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._in(where), *command], check=False, capture_output=True, text=True, timeout=30
        )

    def _lay(self, letter: str, computer: int, address: str) -> None:
        """One end of the cable in a computer, the other in between."""
        near, far = f"{letter}0", f"{letter}1"
        for where, command in (
            (self._between, f"ip link add {far} type veth peer name {near} netns {computer}"),
            (self._between, f"ip link set {far} up"),
            (computer, f"ip addr add {address}/30 dev {near}"),
            (computer, f"ip link set {near} up"),
            (computer, "ip link set lo up"),
        ):
            done = self._run(where, *command.split())
            assert done.returncode == 0, f"{command}: {done.stderr}"
        done = self._run(computer, sys.executable, "-c", NO_OFFLOAD, near)
        assert done.returncode == 0, done.stderr

    def start(self, where: int, command: list[str], **more: int | IO[Any]) -> subprocess.Popen[str]:
        """Starts a program in a namespace; it ends with this."""
        process = subprocess.Popen([*self._in(where), *command], text=True, **more)  # type: ignore[call-overload]
        self._end_later(process)
        return process  # type: ignore[no-any-return]

    def start_at_hub(self, command: list[str], log: IO[Any]) -> None:
        """Starts a program on the hub's computer."""
        self.start(self._hub, command, stdout=log, stderr=subprocess.STDOUT)

    def start_at_edge(self, command: list[str], log: IO[Any]) -> None:
        """Starts a program on the cluster's computer."""
        self.start(self._edge, command, stdout=log, stderr=subprocess.STDOUT)

    def cable(self, **facts: bool | float) -> None:
        """Changes the cable: `cut`, `delay_s` (each way), `loss` (share of frames)."""
        assert self._cable is not None
        assert self._cable.stdin is not None
        self._cable.stdin.write(json.dumps(facts) + "\n")
        self._cable.stdin.flush()
        self._answer("changed")

    def _answer(self, expected: str) -> None:
        assert self._cable is not None
        assert self._cable.stdout is not None
        assert self._cable.stdout.readline() == expected + "\n", "the cable broke"

    def netem(self, *rules: str) -> str:
        """Has Linux' own netem do it, on both ends; what the kernel says against it, or nothing."""
        for end in ("e1", "h1"):
            done = self._run(
                self._between, "tc", "qdisc", "add", "dev", end, "root", "netem", *rules
            )
            if done.returncode:
                return done.stderr.strip()
        return ""


@pytest.fixture
def computers() -> Iterator[TwoComputers]:
    """An edge and a hub with a cable between them, where the kernel gives namespaces."""
    if reason := why_not():
        pytest.skip(reason)
    with TwoComputers() as two:
        yield two
