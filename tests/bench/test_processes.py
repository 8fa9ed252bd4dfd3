from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from provisioning.bench import processes
from provisioning.bench.errors import BenchError
from provisioning.bench.hub_site import find_processes
from provisioning.bench.processes import (
    TOOLS,
    Child,
    check_tools,
    last_line,
    python_module,
    run_to_end,
    until,
)

PATIENCE_S = 20.0
OBEDIENT = "import signal, sys; print('here', flush=True); signal.pause()"
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True)\n"
    "while True: signal.pause()"
)
PARENT = (
    "import subprocess, sys\n"
    f"child = subprocess.Popen([sys.executable, '-c', {OBEDIENT!r}])\n"
    "print('child', child.pid, flush=True); child.wait()"
)
BROKEN = "import sys; print('first'); sys.exit('no room on the card')"

Start = Callable[[str], Awaitable[Child]]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "child.log"


@pytest.fixture
async def start(log: Path) -> AsyncIterator[Start]:
    """Starts a Python program; it has ended by the end of the test."""
    async with AsyncExitStack() as stack:

        async def run(program: str) -> Child:
            child = Child("the child", [sys.executable, "-c", program], log)
            stack.push_async_callback(child.kill_group)
            await child.start()
            return child

        yield run


async def said(log: Path, word: str) -> str:
    async def is_there() -> str | None:
        text = await asyncio.to_thread(log.read_text)
        return text if word in text and text.endswith("\n") else None

    return await until(is_there, f"{word!r} in {log}", timeout_s=PATIENCE_S)


def is_alive(process_id: int) -> bool:
    try:
        status = Path(f"/proc/{process_id}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


async def ended(process_id: int) -> bool:
    async def is_gone() -> bool:
        return not is_alive(process_id)

    return await until(is_gone, f"the end of {process_id}", timeout_s=PATIENCE_S)


async def test_a_child_runs_in_a_group_of_its_own(start: Start, log: Path) -> None:
    child = await start(OBEDIENT)
    await said(log, "here")
    assert child.process_id is not None
    assert os.getpgid(child.process_id) == child.process_id != os.getpgid(0)
    child.check()


async def test_stopped_it_ends(start: Start, log: Path) -> None:
    child = await start(OBEDIENT)
    process_id = child.process_id
    assert process_id is not None
    await said(log, "here")
    await child.stop()
    assert child.process_id is None
    assert not is_alive(process_id)
    await child.stop()


async def test_one_that_does_not_listen_is_killed(
    start: Start, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "STOP_TIMEOUT_S", 0.1)
    child = await start(STUBBORN)
    process_id = child.process_id
    assert process_id is not None
    await said(log, "here")
    await child.stop()
    assert not is_alive(process_id)


async def test_killed_with_its_group_its_children_end_too(start: Start, log: Path) -> None:
    child = await start(PARENT)
    grandchild = int((await said(log, "child")).partition("child ")[2].split()[0])
    assert is_alive(grandchild)
    await child.kill_group()
    assert await ended(grandchild)
    await child.kill_group()


async def test_killed_alone_its_children_live_on(start: Start, log: Path) -> None:
    """A killed hub leaves its Mosquitto to the kernel's parent-death signal, as on a real machine."""
    child = await start(PARENT)
    group = child.process_id
    assert group is not None
    grandchild = int((await said(log, "child")).partition("child ")[2].split()[0])
    await child.kill()
    assert is_alive(grandchild)
    os.kill(grandchild, 9)
    assert await ended(grandchild)


async def test_one_that_ended_by_itself_is_told_with_its_last_line(start: Start, log: Path) -> None:
    child = await start(BROKEN)

    async def has_ended() -> bool:
        return child.process_id is None

    await until(has_ended, "its end", timeout_s=PATIENCE_S)
    with pytest.raises(BenchError) as caught:
        child.check()
    assert str(caught.value) == f"the child ended (1): no room on the card (see {log})"


async def test_a_child_that_was_stopped_is_not_missed(start: Start, log: Path) -> None:
    child = await start(OBEDIENT)
    await said(log, "here")
    await child.stop()
    child.check()


async def test_a_child_without_a_place_for_its_log_does_not_start(tmp_path: Path) -> None:
    child = Child("the child", ["true"], tmp_path / "gone" / "child.log")
    with pytest.raises(BenchError, match=r"^the child does not start: "):
        await child.start()


# Tools and short programs


def test_missing_tools_are_named_with_their_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for tool in set(TOOLS) - {"ffmpeg", "ffprobe", "espeak-ng"}:
        (tmp_path / tool).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchError) as caught:
        check_tools()
    packages = "espeak-ng ffmpeg"
    assert str(caught.value) == f"missing: espeak-ng, ffmpeg; run: apt-get install {packages}"


def test_here_no_tool_is_missing() -> None:
    check_tools()


def test_a_module_is_run_by_this_python() -> None:
    assert python_module("hub.app", "serve", Path("/x")) == [
        sys.executable, "-m", "hub.app", "serve", "/x",
    ]  # fmt: skip


async def test_a_short_program_gives_what_it_said() -> None:
    assert await run_to_end("echo", ["echo", "xin chào"]) == "xin chào\n"


async def test_a_short_program_that_failed_is_named_with_its_last_line() -> None:
    with pytest.raises(BenchError, match=r"^making a hub: no room on the card$"):
        await run_to_end("making a hub", [sys.executable, "-c", BROKEN])


async def test_one_that_failed_without_a_word_is_told_with_its_code() -> None:
    with pytest.raises(BenchError, match=r"^false: ended with 1$"):
        await run_to_end("false", ["false"])


async def test_a_program_that_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(BenchError, match=r"^the voice: "):
        await run_to_end("the voice", ["/no/such/espeak-ng"])


async def test_one_that_takes_too_long_is_ended_and_named(tmp_path: Path) -> None:
    mark = str(tmp_path)
    command = [sys.executable, "-c", "import signal; signal.pause()", mark]
    with pytest.raises(BenchError, match=r"^a slow one: did not end within 0\.2 s$"):
        await run_to_end("a slow one", command, timeout_s=0.2)
    assert find_processes(mark) == []


# Waiting


async def test_until_gives_what_it_waited_for() -> None:
    looks = iter([None, None, "found"])

    async def look() -> str | None:
        return next(looks)

    assert await until(look, "it", timeout_s=PATIENCE_S) == "found"


async def test_until_names_what_it_waited_for_in_vain() -> None:
    async def never() -> None:
        return None

    with pytest.raises(BenchError, match=r"^waited 0 s in vain for the moon$"):
        await until(never, "the moon", timeout_s=0.0)


def test_the_last_line_that_says_something(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    assert last_line(path) == "nothing was said"
    path.write_bytes(b"")
    assert last_line(path) == "said nothing"
    path.write_bytes(b"one\ntwo \xff\n\n  \n")
    assert last_line(path) == "two \ufffd"
