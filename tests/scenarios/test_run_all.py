"""`loaxa-bench run-all`: side by side, and none hides another's failure."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Bench = Callable[..., subprocess.CompletedProcess[str]]
pytestmark = [pytest.mark.rig, pytest.mark.sound, pytest.mark.broker]

SILENT = """
name = "a horn without a plan is silent"
clusters = 1
duration_s = 1
[[expect]]
silent_from_s = 0
silent_to_s = 0.5
"""


@pytest.mark.usefixtures("nothing_stays")
def test_scenarios_side_by_side_are_each_judged_and_a_refused_one_is_told(
    tmp_path: Path, bench: Bench
) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    (folder / "calm.toml").write_text(SILENT)
    (folder / "refused.toml").write_text('name = "no clusters"\nduration_s = 1')
    done = bench("run-all", folder, "--out", tmp_path / "out", "--at-once", "2")
    assert done.returncode == 1
    assert "calm: held: a horn without a plan is silent" in done.stdout
    assert "refused: loaxa-bench: " in done.stdout
    assert "1 of 2 scenarios held\nDID NOT HOLD: refused\n" in done.stdout
    assert (tmp_path / "out" / "calm" / "report.json").exists()
