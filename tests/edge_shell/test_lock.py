from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.app import main
from edge.shell.lock import AgentRunsError, on_duty


def test_a_second_agent_on_the_same_state_is_refused(tmp_path: Path) -> None:
    with (
        on_duty(tmp_path),
        pytest.raises(AgentRunsError, match=rf"process {os.getpid()}"),
        on_duty(tmp_path),
    ):
        raise AssertionError("two on duty")


def test_the_state_is_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with on_duty(tmp_path / "new" / "state"):
            pass


def test_run_says_that_one_runs_already(
    tmp_path: Path, config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with on_duty(tmp_path / "state"):
        code = main(["run", "--config", str(config_file), "--state", str(tmp_path / "state")])
    assert code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "systemctl stop loaxa-edge" in said


def test_run_without_the_simulated_cabinet_names_it(
    tmp_path: Path, config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    words = [
        "run",
        "--config",
        str(config_file),
        "--state",
        str(tmp_path),
        "--simulated",
        str(gone),
    ]
    assert main(words) == 2
    assert str(gone) in capsys.readouterr().err
