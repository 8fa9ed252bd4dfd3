"""`loaxa-bench run` as a person or another program uses it: the whole rig, judged by what the horns emitted."""

from __future__ import annotations

import json
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

Bench = Callable[..., subprocess.CompletedProcess[str]]
pytestmark = [pytest.mark.rig, pytest.mark.sound, pytest.mark.broker]

LINK_CUT = """
name = "one link is cut, both horns sound"
clusters = 2
duration_s = 12
[[bulletin]]
id = "tin"
file = "tin.wav"
[[slot]]
bulletin = "tin"
at_s = 5
[[event]]
at_s = 1
cluster = "bl-02"
do = "link_down"
[[expect]]
heard = "tin"
starts_at_s = 5
within_ms = 300
[[expect]]
silent_from_s = 0
silent_to_s = 4.5
"""
WRONG = """
name = "what did not happen is not reported as held"
clusters = 1
duration_s = 2
[[bulletin]]
id = "tin"
file = "tin.wav"
[[expect]]
heard = "tin"
[[expect]]
silent_from_s = 0
silent_to_s = 1.5
"""


@pytest.mark.usefixtures("nothing_stays")
def test_a_cut_link_changes_nothing_on_air(folder: Path, bench: Bench) -> None:
    (folder / "cut.toml").write_text(LINK_CUT)
    out = folder / "out"
    done = bench("run", folder / "cut.toml", "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((out / "report.json").read_text())
    assert report["started_at_ns"] > 0
    assert [one["ok"] for one in report["expectations"]] == [True, True]
    for name in ("bl-01", "bl-02"):
        with wave.open(str(out / name / "horn.wav")) as horn:
            assert (horn.getframerate(), horn.getnchannels(), horn.getsampwidth()) == (48_000, 1, 2)
            assert horn.getnframes() > 12 * 48_000
        began = json.loads((out / name / "horn.json").read_text())
        assert began["rate"] == 48_000
        assert began["first_sample_ns"] < report["started_at_ns"]
        pins = [json.loads(line) for line in (out / name / "pins.jsonl").read_text().splitlines()]
        assert [pin["level"] for pin in pins if pin["pin"] == "amp"][-2:] == [1, 0]
        assert (out / name / "edge.log").stat().st_size > 0
    rows = [json.loads(line) for line in (out / "bl-01" / "journal.jsonl").read_text().splitlines()]
    assert [row["outcome"] for row in rows if row["row"] == "item"] == ["completed"]
    assert (out / "hub.log").stat().st_size > 0


@pytest.mark.usefixtures("nothing_stays")
def test_what_does_not_hold_is_exit_1_and_names_the_cluster(folder: Path, bench: Bench) -> None:
    (folder / "wrong.toml").write_text(WRONG)
    done = bench("run", folder / "wrong.toml", "--out", folder / "out")
    assert done.returncode == 1
    assert "FAILED expect 1: bl-01: tin was not heard" in done.stdout
    assert "DID NOT HOLD" in done.stdout
    assert done.stderr == ""


def test_a_sound_that_the_hub_refuses_is_exit_2_and_one_line(folder: Path, bench: Bench) -> None:
    (folder / "tin.txt").unlink()
    (folder / "tin.wav").write_text("this is no sound")
    (folder / "wrong.toml").write_text(WRONG)
    done = bench("run", folder / "wrong.toml", "--out", folder / "out")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "tin.wav" in done.stderr
