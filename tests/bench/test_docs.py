"""`docs/bench.md` names all that a scenario may say, so that it cannot go stale."""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from provisioning.bench.app import parser
from provisioning.bench.happenings import NOT_YET, kinds
from provisioning.bench.read_scenario import EXPECTATION_KINDS, _Head, read_scenario
from provisioning.bench.report import Report
from provisioning.bench.scenario import BulletinFile, JournalMatch, PlannedSlot

DOC = (Path(__file__).parents[2] / "docs" / "bench.md").read_text(encoding="utf-8")


def section(start: str) -> str:
    """Text after a line that begins so, to the next heading or the next table's owner."""
    found = re.search(rf"(?ms)^{re.escape(start)}.*?(?=^#|^`\[\[|^Keys of|\Z)", DOC)
    assert found, start
    return found[0]


def rows(text: str) -> dict[str, list[str]]:
    """First cell of every table row to its other cells."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    cells = [re.split(r" *\| *", line)[1:-1] for line in lines]
    return {first.strip("`"): rest for first, *rest in cells}


def default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    has_factory = field.default_factory is not msgspec.NODEFAULT
    value: Any = field.default_factory() if has_factory else field.default
    if value is None:
        return "unset"
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value)


@pytest.mark.parametrize("do", kinds())
def test_an_event_with_its_parameters(do: str) -> None:
    kind = kinds()[do]
    where, parameters, told = rows(section("`[[event]]`"))[do]
    fields = {one.name: one for one in msgspec.structs.fields(kind)}
    assert where == ("yes" if "cluster" in fields else "no")
    assert told
    wanted = [
        f"`{name}`" if field.required else f"`{name}` = {default(field)}"
        for name, field in fields.items()
        if name not in ("at_s", "cluster")
    ]
    assert parameters == ", ".join(wanted)


def test_no_event_that_does_not_exist() -> None:
    assert set(rows(section("`[[event]]`"))) - {"do"} == set(kinds())


def test_events_that_are_not_there_yet() -> None:
    line = next(line for line in DOC.splitlines() if line.startswith("Not there yet"))
    assert set(re.findall(r"`(\w+)`", line)) == NOT_YET


TABLES: list[tuple[str, type[Struct]]] = [
    ("At the top", _Head),
    ("`[[bulletin]]`", BulletinFile),
    ("`[[slot]]`", PlannedSlot),
    *((f"#### `{key}`", kind) for key, kind in EXPECTATION_KINDS.items() if key != "silent_to_s"),
]


@pytest.mark.parametrize(("start", "kind"), TABLES, ids=[row[0] for row in TABLES])
def test_keys_with_their_defaults(start: str, kind: type[Struct]) -> None:
    told = {key: cells[0].strip("`") for key, cells in rows(section(start)).items()}
    assert told == {one.name: default(one) for one in msgspec.structs.fields(kind)}


def test_keys_that_a_journal_row_is_matched_by() -> None:
    assert set(rows(section("Keys of the table"))) == set(JournalMatch.__struct_fields__)


def test_what_a_report_holds() -> None:
    told = next(line for line in DOC.splitlines() if line.startswith("| `report.json`"))
    named = set(re.findall(r"`(\w+)`", told))
    assert set(Report.__struct_fields__) - {"name", "bulletins"} <= named


def verbs() -> dict[str, argparse.ArgumentParser]:
    (action,) = (one for one in parser()._actions if isinstance(one, argparse._SubParsersAction))
    return dict(action.choices)


@pytest.mark.parametrize("verb", verbs())
def test_a_verb_with_its_options(verb: str) -> None:
    assert f"`loaxa-bench {verb}" in DOC
    options = {name for one in verbs()[verb]._actions for name in one.option_strings}
    told = set(re.findall(r"--[a-z][a-z-]*", DOC))
    assert options - {"-h", "--help"} <= told


@pytest.mark.parametrize("text", re.findall(r"(?s)```toml\n(.*?)```", DOC))
def test_its_scenario_is_one(text: str, tmp_path: Path) -> None:
    for one in tomllib.loads(text)["bulletin"]:
        (tmp_path / one["file"]).parent.mkdir(exist_ok=True)
        (tmp_path / one["file"]).write_bytes(b"RIFF")
    path = tmp_path / "scenario.toml"
    path.write_text(text, encoding="utf-8")
    assert read_scenario(path).expectations
