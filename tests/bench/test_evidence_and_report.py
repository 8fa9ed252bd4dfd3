from __future__ import annotations

import json
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hardware.simulated.wire import RATE
from provisioning.bench.errors import BenchError
from provisioning.bench.evidence import Evidence, FleetChange, Horn, Source, read_horn
from provisioning.bench.hub_api import IngestedBulletin
from provisioning.bench.report import Report, write_journals, write_report
from provisioning.bench.scenario import (
    Expectation,
    HeardExpectation,
    PlannedSlot,
    Scenario,
    SilentExpectation,
)

Samples = NDArray[np.int16]
Make = Callable[..., Samples]
T0_NS = 1_800_000_000_000_000_000
INGESTED = {
    "tin-chieu": IngestedBulletin(id="b-1", sha256="0" * 64, size_bytes=1, duration_ms=3000)
}


def write_horn(folder: Path, samples: Samples, *, first_ns: int = T0_NS, rate: int = RATE) -> None:
    (folder / "horn.json").write_text(json.dumps({"first_sample_ns": first_ns, "rate": rate}))
    with wave.open(str(folder / "horn.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())


# Recordings


def test_a_recording_lies_on_the_scenarios_time_line(tmp_path: Path) -> None:
    samples = np.arange(2 * RATE, dtype=np.int16)
    write_horn(tmp_path, samples, first_ns=T0_NS - 1_500_000_000)
    horn = read_horn(tmp_path, T0_NS)
    assert (horn.first_s, horn.end_s) == (-1.5, 0.5)
    assert np.array_equal(horn.between(-1.5, 0), samples[: 3 * RATE // 2])
    assert np.array_equal(horn.between(-9, -1), samples[: RATE // 2])
    assert len(horn.between(0.5, 3)) == 0


def test_a_header_that_is_a_moment_behind_hides_nothing(tmp_path: Path) -> None:
    write_horn(tmp_path, np.ones(1000, np.int16))
    with (tmp_path / "horn.wav").open("ab") as file:
        file.write(np.full(500, 2, "<i2").tobytes() + b"\x03")
    assert len(read_horn(tmp_path, T0_NS).samples) == 1500


@pytest.mark.parametrize("missing", ["horn.json", "horn.wav"])
def test_a_recording_that_is_not_there_is_named(tmp_path: Path, missing: str) -> None:
    write_horn(tmp_path, np.ones(10, np.int16))
    (tmp_path / missing).unlink()
    with pytest.raises(BenchError, match=missing):
        read_horn(tmp_path, T0_NS)


@pytest.mark.parametrize("text", ["", "{}", '{"first_sample_ns": "soon"}', "[]", "null"])
def test_a_damaged_horn_json_is_named(tmp_path: Path, text: str) -> None:
    write_horn(tmp_path, np.ones(10, np.int16))
    (tmp_path / "horn.json").write_text(text)
    with pytest.raises(BenchError, match=r"horn\.json"):
        read_horn(tmp_path, T0_NS)


def test_a_recording_at_another_rate_is_refused(tmp_path: Path) -> None:
    write_horn(tmp_path, np.ones(10, np.int16), rate=44_100)
    with pytest.raises(BenchError, match="is not 48 kHz mono"):
        read_horn(tmp_path, T0_NS)


def test_a_source_is_what_sounds_in_a_file(lay: Make) -> None:
    source = Source("b-1", lay(3, (0.5, np.full(RATE, 1000, np.int16))))
    assert source.lead_s == 0.5
    assert source.duration_s == 1.0


# The report


@pytest.fixture(scope="module")
def evidence(speech: Make, lay: Make) -> Evidence:
    """Both clusters begin the programme: bl-01 on time, bl-02 10 ms later."""
    programme = speech(1, 3.0)
    horns = {
        name: Horn(lay(10, (at_s + 2.0, programme)), -2.0)
        for name, at_s in (("bl-01", 4.0), ("bl-02", 4.01))
    }
    rows = [
        {"cluster": "bl-01", "epoch": "e", "stored_at": "t", "row": {"detail": "lũ"}},
        {"cluster": "bl-02", "epoch": "e", "stored_at": "t", "row": {"number": 1}},
        {"cluster": "bl-01", "epoch": "e", "stored_at": "t", "row": {"number": 2}},
    ]
    return Evidence(
        horns=horns,
        sources={"tin-chieu": Source("b-1", programme)},
        journal=rows,
        changes=[FleetChange(at_s=4.123, cluster="bl-01", what="on_air")],
    )


def scenario(*expectations: Expectation) -> Scenario:
    slot = PlannedSlot(bulletin="tin-chieu", at_s=4)
    return Scenario(
        path=Path("x.toml"), name="x", clusters=2, duration_s=8, slots=(slot,),
        expectations=expectations,
    )  # fmt: skip


HEARD = HeardExpectation(heard="tin-chieu", starts_at_s=4)
NEVER_SILENT = SilentExpectation(silent_from_s=3, silent_to_s=7)


def report(evidence: Evidence, *expected: Expectation, troubles: list[str] | None = None) -> Report:
    return Report.of(scenario(*expected), evidence, T0_NS, INGESTED, troubles or [])


def test_a_run_holds_when_every_expectation_does(evidence: Evidence) -> None:
    made = report(evidence, HEARD)
    assert made.ok
    assert made.started_at_ns == T0_NS
    (result,) = made.expectations
    assert [one.cluster for one in result.clusters] == ["bl-01", "bl-02"]
    assert result.expect["heard"] == "tin-chieu"


def test_nothing_expected_holds(evidence: Evidence) -> None:
    assert report(evidence).ok


def test_one_that_failed_fails_the_run_and_says_where(evidence: Evidence) -> None:
    late = HeardExpectation(heard="tin-chieu", starts_at_s=4, within_ms=5)
    made = report(evidence, HEARD, late, NEVER_SILENT)
    assert not made.ok
    assert [one.ok for one in made.expectations] == [True, False, False]
    assert made.expectations[1].why.startswith("bl-02: ")
    assert "bl-01" not in made.expectations[1].why


def test_what_could_not_be_done_fails_the_run(evidence: Evidence) -> None:
    made = report(evidence, HEARD, troubles=["hub_kill: no hub answers"])
    assert not made.ok
    assert made.troubles == ("hub_kill: no hub answers",)


def test_slots_show_how_exact_and_how_far_apart_clusters_begin(evidence: Evidence) -> None:
    (slot,) = report(evidence).slots
    assert slot["error_ms"] == pytest.approx({"bl-01": 0.0, "bl-02": 10.0}, abs=1)
    assert slot["skew_ms"] == pytest.approx(10, abs=1)


def test_a_slot_that_nobody_played_has_no_figures(evidence: Evidence) -> None:
    silent = {name: Horn(np.zeros(RATE, np.int16), 0.0) for name in evidence.horns}
    (slot,) = report(Evidence(horns=silent, sources=evidence.sources)).slots
    assert (slot["error_ms"], slot["median_error_ms"], slot["skew_ms"]) == ({}, None, None)


def test_the_report_file_is_json_and_complete(evidence: Evidence, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_report(path, report(evidence, HEARD, NEVER_SILENT))
    read: dict[str, Any] = json.loads(path.read_bytes())
    assert read["started_at_ns"] == T0_NS
    assert [one["ok"] for one in read["expectations"]] == [True, False]
    first = read["expectations"][0]["clusters"][0]
    assert first["figures"]["starts_at_s"] == pytest.approx(4, abs=1e-3)
    assert [one["cluster"] for one in read["playings"]] == ["bl-01", "bl-02"]
    assert read["bulletins"]["tin-chieu"]["id"] == "b-1"
    assert read["fleet"] == [{"at_s": 4.12, "cluster": "bl-01", "what": "on_air"}]
    assert read["versions"]["python"]


def test_silence_and_no_match_are_json_too(tmp_path: Path) -> None:
    """JSON knows no infinity."""
    horns = {name: Horn(np.zeros(RATE * 9, np.int16), 0.0) for name in ("bl-01", "bl-02")}
    made = report(Evidence(horns=horns, sources={}), NEVER_SILENT)
    write_report(tmp_path / "report.json", made)
    json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)


def test_a_report_that_cannot_be_written_names_the_file(evidence: Evidence, tmp_path: Path) -> None:
    path = tmp_path / "gone" / "report.json"
    with pytest.raises(BenchError, match=r"gone/report\.json: cannot be written"):
        write_report(path, report(evidence))


def test_each_clusters_rows_lie_in_its_folder(evidence: Evidence, tmp_path: Path) -> None:
    for name in ("bl-01", "bl-02"):
        (tmp_path / name).mkdir()
    write_journals(tmp_path, scenario(), evidence.journal)
    text = (tmp_path / "bl-01" / "journal.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line) for line in text.splitlines()] == [
        {"epoch": "e", "stored_at": "t", "detail": "lũ"},
        {"epoch": "e", "stored_at": "t", "number": 2},
    ]
    assert "lũ" in text
    assert len((tmp_path / "bl-02" / "journal.jsonl").read_text().splitlines()) == 1
