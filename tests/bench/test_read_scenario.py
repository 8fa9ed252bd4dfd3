from __future__ import annotations

import json
import string
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.bench.app import REFUSED, main
from provisioning.bench.errors import BenchError
from provisioning.bench.happenings import NOT_YET, LinkDown, kinds
from provisioning.bench.read_scenario import EXPECTATION_KINDS, read_scenario
from provisioning.bench.scenario import HeardExpectation, PlannedSlot

Write = Callable[[str], Path]
SHIPPED = sorted((Path(__file__).parents[2] / "scenarios").glob("*.toml"))


def refusal(path: Path) -> str:
    with pytest.raises(BenchError) as caught:
        read_scenario(path)
    return str(caught.value)


def test_the_designs_example(scenario_file: Write, example: str) -> None:
    scenario = read_scenario(scenario_file(example))
    assert scenario.cluster_names == ("bl-01", "bl-02", "bl-03")
    assert scenario.slots == (PlannedSlot(id="chieu", bulletin="tin-chieu", at_s=20),)
    assert scenario.events == (LinkDown(at_s=12, cluster="bl-02"),)
    assert scenario.expectations == (
        HeardExpectation(cluster="bl-02", heard="tin-chieu", starts_at_s=20, within_ms=200),
    )
    assert scenario.sound_path(scenario.bulletins[0]).is_file()


def test_a_sound_may_be_made_of_the_text_beside_it(scenario_file: Write, example: str) -> None:
    path = scenario_file(example)
    (path.parent / "tin-chieu.wav").unlink()
    (path.parent / "tin-chieu.txt").write_text("Kính mời bà con nghe đài.", encoding="utf-8")
    assert len(read_scenario(path).bulletins) == 1


def test_the_station_chime_is_a_sound_that_every_scenario_knows(
    scenario_file: Write, example: str
) -> None:
    text = example.replace('heard = "tin-chieu"', 'heard = "@chime"')
    assert read_scenario(scenario_file(text)).expectations[0] == HeardExpectation(
        cluster="bl-02", heard="@chime", starts_at_s=20, within_ms=200
    )
    other = text.replace("@chime", "@bell")
    assert "heard: " in refusal(scenario_file(other))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_scenario(path: Path) -> None:
    assert read_scenario(path).expectations


MISTAKES = [
    # In the head
    ('name = "link', 'nmae = "link', "nmae: unknown key, did you mean 'name'?"),
    ("clusters = 3", "", "clusters: is missing"),
    ("clusters = 3", "clusters = 0", "clusters: "),
    ("clusters = 3", "clusters = true", "clusters: expected a whole number"),
    ("clusters = 3", 'clusters = "3"', "clusters: expected a whole number"),
    ("duration_s = 45", "duration_s = 0", "duration_s: "),
    ("duration_s = 45", "duration_s = nan", "duration_s: must be a finite number"),
    ("duration_s = 45", "duration_s = inf", "duration_s: must be a finite number"),
    ("duration_s = 45", f"duration_s = 1{'0' * 400}", "duration_s: "),
    ("duration_s = 45", 'duration_s = 45\nquiet_hours = ["9-10"]', "quiet_hours"),
    ("duration_s = 45", 'duration_s = 45\nboards = { bl-01 = "fm" }', "boards"),
    ("duration_s = 45", 'duration_s = 45\nboards = { bl-09 = "fm-bridge" }', "boards: there is no"),
    ("duration_s = 45", "duration_s = 45\nslots = []", "slots: unknown key, did you mean 'slot'?"),
    # Bulletins
    ("[[bulletin]]", "[bulletin]", "bulletin: is written as [[bulletin]]"),
    (
        'priority = "normal"',
        'priority = "emergency"',
        "slot 1: bulletin: 'tin-chieu' is an emergency",
    ),
    ('priority = "normal"', 'priority = "high"', "bulletin 1: priority: "),
    ('priority = "normal"', "fiel = 1", "bulletin 1: fiel: unknown key, did you mean 'file'?"),
    ('file = "tin-chieu.wav"', 'file = "gone.wav"', "bulletin 1: file: "),
    ('file = "tin-chieu.wav"', 'file = "."', "bulletin 1: file: "),
    ('file = "tin-chieu.wav"', 'file = ""', "bulletin 1: file: "),
    ('file = "tin-chieu.wav"', f'file = "{"a" * 300}.wav"', "bulletin 1: file: "),
    ('file = "tin-chieu.wav"', 'file = "a\\u0000.wav"', "bulletin 1: file: "),
    ('file = "tin-chieu.wav"', 'file = "a\\nb.wav"', "bulletin 1: file: "),
    ('id = "tin-chieu"', 'id = "Tin chiều"', "bulletin 1: id: "),
    ("[[slot]]", '[[bulletin]]\nid="tin-chieu"\nfile="tin-chieu.wav"\n[[slot]]', "'tin-chieu'"),
    # Slots
    ('bulletin = "tin-chieu"', 'bulletin = "tin-sang"', "slot 1: bulletin: there is no 'tin-sang'"),
    ('clusters = "all"', 'clusters = ["bl-04"]', "slot 1: clusters: there is no 'bl-04'"),
    ('clusters = "all"', "clusters = []", "slot 1: clusters: names no cluster"),
    ("at_s = 20", "at_s = -1", "slot 1: at_s: "),
    ("at_s = 20", 'at_s = "20"', "slot 1: at_s: expected a number"),
    ("at_s = 20", "at_s = 07:32:00", "slot 1: at_s: "),
    ("at_s = 20", "at_s = 20\nvolume_pct = 101", "slot 1: volume_pct: "),
    ("at_s = 20", "at_s = 20\nin_quiet_hours = 1", "slot 1: in_quiet_hours: expected true or f"),
    # Events
    ('do = "link_down"', "", "event 1: do: is missing"),
    ('do = "link_down"', 'do = "link_dwon"', "'link_dwon', did you mean 'link_down'?"),
    ('do = "link_down"', 'do = ["link_down"]', "event 1: do: "),
    ('do = "link_down"', "do = 1", "event 1: do: "),
    ('do = "link_down"', 'do = "hub_kill"', "event 1: cluster: 'hub_kill' takes none"),
    ('do = "link_down"', 'do = "link_down"\npart = "half"', "event 1: part: "),
    ('do = "link_down"', 'do = "link_loss"\nloss_pct = 91', "event 1: loss_pct: "),
    ('do = "link_down"', 'do = "link_slow"\nlatency = 1', "did you mean 'latency_ms'?"),
    ('do = "link_down"', 'do = "corrupt_cache"\nbulletin = "x"', "event 1: bulletin: there is no"),
    ("at_s = 12", "at_s = -0.001", "event 1: at_s: "),
    ('cluster = "bl-02"\ndo', "do", "event 1: cluster: is missing"),
    ('cluster = "bl-02"\ndo', 'cluster = "bl-2"\ndo', "event 1: cluster: there is no 'bl-2'"),
    ('cluster = "bl-02"\ndo = "link_down"', 'do = "slot_stop"\nslot = "x"', "event 1: slot: there"),
    # Expectations
    ('heard = "tin-chieu"', "", "expect 1: "),
    ('heard = "tin-chieu"', 'haerd = "tin-chieu"', "haerd: unknown key, did you mean 'heard'?"),
    ('heard = "tin-chieu"', 'heard = "tin-sang"', "expect 1: heard: there is no 'tin-sang'"),
    ('heard = "tin-chieu"', 'heard = "tin-chieu"\nalarm = "x"', "only one kind in one [[expect]]"),
    ('cluster = "bl-02"\nheard', 'cluster = "bl-09"\nheard', "expect 1: cluster: there is no"),
    ("within_ms = 200", "within_ms = -1", "expect 1: within_ms: "),
    ("within_ms = 200", "fraction_min = 1.5", "expect 1: fraction_min: "),
    ("within_ms = 200", "within = 200", "expect 1: within: unknown key, did you mean 'within_ms'?"),
    ("starts_at_s = 20", "starts_at_s = -inf", "expect 1: starts_at_s: must be a finite number"),
    ("starts_at_s = 20", '"a\\nb" = 20', "expect 1: a b: unknown key"),
]


@pytest.mark.parametrize(("good", "bad", "told"), MISTAKES, ids=[row[1][:40] for row in MISTAKES])
def test_a_mistake_is_told_in_one_line_with_file_and_key(
    scenario_file: Write, example: str, good: str, bad: str, told: str
) -> None:
    assert good in example
    path = scenario_file(example.replace(good, bad, 1))
    line = refusal(path)
    assert line.startswith(f"{path}: ")
    assert told in line
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ("silent_from_s = 5", "silent_to_s: is missing"),
        ("silent_from_s = 5\nsilent_to_s = 5", "silent_to_s: must be after silent_from_s"),
        ('silent_from_s = 5\nnot_heard = "tin-chieu"', "only one kind in one [[expect]]"),
        ('not_heard = "x"', "not_heard: there is no 'x'"),
        ("journal = {}", "journal: names no key to match"),
        ("journal = 1", "journal: "),
        ('journal = { outcom = "completed" }', "journal.outcom: unknown key, did you mean 'outc"),
        ('journal = { outcome = "done" }', "journal.outcome: "),
        ('journal = { bulletin = "x" }', "journal.bulletin: there is no 'x'"),
        ('journal = { slot = "x" }', "journal.slot: there is no 'x'"),
        ('alarm = "cluster_lost"', "by_s: is missing"),
        ('alarm = "cluster_lost"\nby_s = "soon"', "by_s: expected a number"),
    ],
)
def test_a_mistake_in_an_expectation(
    scenario_file: Write, example: str, expect: str, told: str
) -> None:
    path = scenario_file(example + f"\n[[expect]]\n{expect}\n")
    line = refusal(path)
    assert line.startswith(f"{path}: expect 2: ")
    assert told in line
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize("do", sorted(NOT_YET))
def test_what_is_not_there_yet_is_called_so(scenario_file: Write, example: str, do: str) -> None:
    line = refusal(scenario_file(example.replace("link_down", do)))
    assert f"event 1: do: {do!r} is not there yet" in line


def test_several_mistakes_are_told_together(scenario_file: Write, example: str) -> None:
    bad = example.replace("at_s = 20", "at_s = -1", 1).replace("link_down", "link_dwon")
    line = refusal(scenario_file(bad.replace("clusters = 3", "clusters = 0")))
    assert [key in line for key in ("clusters", "slot 1: at_s", "event 1: do")] == [True] * 3


NOT_TOML = {
    "words": b"this is no TOML",
    "latin-1": 'name = "Bản tin"'.encode("latin-1", "replace") + b"\xff",
    "nested without end": b"name = " + b"[" * 100_000,
    "a number without end": b"clusters = " + b"1" * 5_000,
}


@pytest.mark.parametrize("data", NOT_TOML.values(), ids=NOT_TOML)
def test_a_file_that_is_not_toml(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "scenario.toml"
    path.write_bytes(data)
    line = refusal(path)
    assert line.startswith(f"{path}: ")
    assert len(line.splitlines()) == 1


def test_no_such_file(tmp_path: Path) -> None:
    path = tmp_path / "gone.toml"
    assert refusal(path) == f"{path}: there is no such scenario file"


def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    assert refusal(tmp_path).startswith(f"{tmp_path}: cannot be read")


def test_run_refuses_with_exit_code_2_and_one_line(
    scenario_file: Write, example: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = scenario_file(example.replace("link_down", "link_dwon"))
    out = tmp_path / "out"
    assert main(["run", str(path), "--out", str(out)]) == REFUSED == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"loaxa-bench: {path}: event 1: do: ")
    assert len(said.err.splitlines()) == 1
    assert not out.exists()


# Whatever stands in a file

KEYS = sorted(
    {"name", "clusters", "duration_s", "seed", "quiet_hours", "id", "file", "priority", "do"}
    | {name for kind in kinds().values() for name in kind.__struct_fields__}
    | {name for kind in EXPECTATION_KINDS.values() for name in kind.__struct_fields__}
    | set(PlannedSlot.__struct_fields__)
)
WORDS = st.sampled_from(["all", "bl-01", "tin-chieu", "", *kinds(), "normal", "completed"])
TEXT = st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0x2FFF), max_size=8)
VALUES: st.SearchStrategy[Any] = st.recursive(
    WORDS | TEXT | st.booleans() | st.integers() | st.floats() | st.dates() | st.times()
    | st.datetimes() | st.sampled_from([0, 1, 5.0, 10**400]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(KEYS) | TEXT, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
ROWS = st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5), max_size=3)
HEADS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("name", "clusters", "seed", "quiet_hours"), VALUES)
)
DOCUMENTS = st.builds(
    lambda head, lists, more: {"name": "x", "clusters": 2, "duration_s": 5} | lists | head | more,
    HEADS,
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("bulletin", "slot", "event", "expect"), ROWS | VALUES)
    ),
    st.dictionaries(st.sampled_from(KEYS) | TEXT, VALUES, max_size=2),
)
PLAIN = set(string.printable) - set('"\\\x7f\r\n\t\x0b\x0c')


def toml(value: object) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{toml(key)} = {toml(one)}" for key, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(toml(one) for one in value) + "]"
        case str():
            escaped = (one if one in PLAIN else f"\\u{ord(one):04x}" for one in value)
            return '"' + "".join(escaped) + '"'
        case datetime() | date() | time():
            return value.isoformat()
        case float():
            return repr(value)
        case _:
            return json.dumps(value)


@settings(max_examples=200, deadline=None)
@given(document=DOCUMENTS)
def test_any_document_is_read_or_refused_in_one_line(
    document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    folder.mkdir(exist_ok=True)
    path = folder / "scenario.toml"
    text = "".join(f"{toml(key)} = {toml(value)}\n" for key, value in document.items())
    path.write_text(text, encoding="utf-8")
    with suppress(BenchError):
        read_scenario(path)
        return
    assert len(refusal(path).splitlines()) == 1
