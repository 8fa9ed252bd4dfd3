from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Bench = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A scenario folder with one short text that becomes speech."""
    (tmp_path / "tin.txt").write_text("Xin chào bà con Bản Thẳm.", encoding="utf-8")
    return tmp_path


@pytest.fixture
def nothing_stays(tmp_path: Path) -> Iterator[None]:
    """Whatever the rig started has ended: no process names the test's folder any more."""
    yield
    assert processes_naming(tmp_path) == []


@pytest.fixture
def bench_command() -> list[str]:
    return [sys.executable, "-m", "provisioning.bench.app"]


@pytest.fixture
def bench(bench_command: list[str]) -> Bench:
    """Runs `loaxa-bench` to its end."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [*bench_command, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)

    return run


def processes_naming(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(folder) in words:
                found.append(words)
    return found
