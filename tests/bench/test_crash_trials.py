"""Crash trials as `make crash-trials` runs them, fewer."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from hardware.simulated.card import build
from provisioning.bench.app import main

pytestmark = pytest.mark.rig


def test_nothing_is_lost_doubled_or_played_wrongly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build()
    out = tmp_path / "figures.json"
    code = main(
        ["crash-trials", "--n", "48", "--seed", "1", "--dir", str(tmp_path), "--out", str(out)]
    )
    said = capsys.readouterr().out
    assert code == 0, said
    figures = msgspec.json.decode(out.read_bytes())
    assert figures["n"] == 48
    assert figures["rows_stored"] > 100
    assert set(figures["wrong"].values()) == {0}
