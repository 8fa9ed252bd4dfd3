"""`loaxa-bench up` as a newcomer meets it."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Bench = Callable[..., subprocess.CompletedProcess[str]]
pytestmark = [pytest.mark.rig, pytest.mark.sound, pytest.mark.broker]


@pytest.mark.usefixtures("nothing_stays")
def test_up_shows_how_to_use_it_and_ctrl_c_ends_all_of_it(
    tmp_path: Path, bench: Bench, bench_command: list[str]
) -> None:
    command = [*bench_command, "up", "--clusters", "2", "--dir", str(tmp_path), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as rig:
        assert rig.stdout is not None
        told = ""
        for line in rig.stdout:
            told += line
            if "on air" in line:
                break
        assert all(
            word in told
            for word in ("http://127.0.0.1:", "password", "link bl-02 down", "horn.wav")
        )
        cut = bench("link", "bl-02", "down", "--dir", tmp_path)
        assert (cut.returncode, cut.stderr) == (0, "")
        unknown = bench("link", "bl-77", "down", "--dir", tmp_path)
        assert unknown.returncode == 2
        assert "bl-77" in unknown.stderr
        again = bench("up", "--dir", tmp_path, "--port", "0")
        assert again.returncode == 2
        assert "already" in again.stderr
        rig.send_signal(signal.SIGINT)
        said, complaints = rig.communicate(timeout=60)
    assert "stopping" in said
    assert complaints == ""
    assert rig.returncode in (0, 130)


def test_a_port_in_use_is_one_line_that_says_what_to_do(tmp_path: Path, bench: Bench) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = bench("up", "--dir", tmp_path, "--port", str(port))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr
