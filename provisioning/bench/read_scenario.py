"""Reads scenario files, and says in one line what is wrong with one."""

from __future__ import annotations

import difflib
import math
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from contract.model import Priority
from provisioning.bench.errors import BenchError
from provisioning.bench.happenings import NOT_YET, CorruptCache, EmergencyBegins, Happening, kinds
from provisioning.bench.scenario import (
    CHIME,
    AlarmExpectation,
    BoardName,
    BulletinFile,
    Expectation,
    HeardExpectation,
    JournalExpectation,
    NotHeardExpectation,
    PlannedSlot,
    Scenario,
    SilentExpectation,
    Window,
)

EXPECTATION_KINDS: dict[str, type[Expectation]] = {
    "heard": HeardExpectation,
    "not_heard": NotHeardExpectation,
    "silent_from_s": SilentExpectation,
    "silent_to_s": SilentExpectation,
    "journal": JournalExpectation,
    "alarm": AlarmExpectation,
}
SHOWN_MISTAKES = 3
TYPE_WORDS = {
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
}


class _Head(Struct, frozen=True, kw_only=True):
    name: str
    clusters: Annotated[int, Meta(ge=1, le=99)]
    duration_s: Annotated[float, Meta(gt=0, le=86_400)]
    seed: int = 0
    quiet_hours: tuple[Window, ...] = ()
    boards: dict[str, BoardName] = {}
    modem_cycle_after_s: Annotated[float, Meta(ge=1, le=86_400)] | None = None
    scrub_every_s: Annotated[float, Meta(ge=1, le=86_400)] | None = None


Made = TypeVar("Made", bound=Struct)

LISTS = ("bulletin", "slot", "event", "expect")


class _Mistake(Exception):  # noqa: N818 - it is collected, not raised at anyone
    pass


def read_scenario(path: Path) -> Scenario:
    """Reads and checks a scenario file.

    Raises:
        BenchError: It cannot be read or has mistakes; one line names file and key.
    """
    raw = _toml(path)
    mistakes: list[str] = []
    head = _head(raw, mistakes)
    bulletins = _each(raw, "bulletin", _bulletin, mistakes)
    slots = _each(raw, "slot", _slot, mistakes)
    events = _each(raw, "event", _event, mistakes)
    expectations = _each(raw, "expect", _expectation, mistakes)
    if head is None or mistakes:
        raise _refused(path, mistakes)
    scenario = Scenario(
        path=path,
        bulletins=tuple(bulletins),
        slots=tuple(slots),
        events=tuple(events),
        expectations=tuple(expectations),
        **msgspec.structs.asdict(head),
    )
    if found := [*_dangling(scenario)]:
        raise _refused(path, found)
    return scenario


def _refused(path: Path, mistakes: list[str]) -> BenchError:
    more = len(mistakes) - SHOWN_MISTAKES
    told = "; ".join(mistakes[:SHOWN_MISTAKES]) + (f"; and {more} more" if more > 0 else "")
    return BenchError(f"{path}: {' '.join(told.split())}")


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BenchError(f"{path}: there is no such scenario file") from error
    except OSError as error:
        raise BenchError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BenchError(f"{path}: is not UTF-8 text") from error
    except (ValueError, RecursionError) as error:
        raise BenchError(f"{path}: is not TOML: {error}") from error


def _head(raw: dict[str, Any], mistakes: list[str]) -> _Head | None:
    try:
        return _convert({k: v for k, v in raw.items() if k not in LISTS}, _Head, also=LISTS)
    except _Mistake as mistake:
        mistakes.append(str(mistake))
        return None


def _each(raw: dict[str, Any], key: str, read: Any, mistakes: list[str]) -> list[Any]:  # noqa: ANN401
    rows = raw.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        mistakes.append(f"{key}: is written as [[{key}]]")
        return []
    made = []
    for number, row in enumerate(rows, 1):
        try:
            made.append(read(row))
        except _Mistake as mistake:
            mistakes.append(f"{key} {number}: {mistake}")
    return made


def _bulletin(row: dict[str, Any]) -> BulletinFile:
    return _convert(row, BulletinFile)


def _slot(row: dict[str, Any]) -> PlannedSlot:
    return _convert(row, PlannedSlot)


def _event(row: dict[str, Any]) -> Happening:
    known = kinds()
    do = row.get("do")
    if do is None:
        raise _Mistake("do: is missing")
    if isinstance(do, str) and do in NOT_YET:
        raise _Mistake(f"do: {do!r} is not there yet")
    if not isinstance(do, str) or do not in known:
        raise _Mistake(f"do: unknown event {do!r}{_nearest(str(do), known)}")
    kind = known[do]
    if "cluster" in row and "cluster" not in kind.__struct_fields__:
        raise _Mistake(f"cluster: {do!r} takes none")
    made: Happening = _convert({k: v for k, v in row.items() if k != "do"}, kind, also=("do",))
    return made


def _expectation(row: dict[str, Any]) -> Expectation:
    asked = {EXPECTATION_KINDS[key] for key in row if key in EXPECTATION_KINDS}
    if len(asked) > 1:
        said = ", ".join(key for key in row if key in EXPECTATION_KINDS)
        raise _Mistake(f"{said}: only one kind in one [[expect]]")
    if not asked:
        for key in row:
            if key != "cluster" and (near := _nearest(key, EXPECTATION_KINDS)).startswith(", did"):
                raise _Mistake(f"{key}: unknown key{near}")
        raise _Mistake(f"says nothing to expect: one of {', '.join(EXPECTATION_KINDS)}")
    made: Expectation = _convert(row, asked.pop())
    if isinstance(made, SilentExpectation) and made.silent_to_s <= made.silent_from_s:
        raise _Mistake("silent_to_s: must be after silent_from_s")
    return made


def _convert(row: dict[str, Any], kind: type[Made], *, also: tuple[str, ...] = ()) -> Made:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for key, value in row.items():
        if key not in fields:
            raise _Mistake(f"{key}: unknown key{_nearest(key, [*fields, *also])}")
        if isinstance(value, dict) and issubclass_struct(fields[key].type):
            _check_keys(key, value, fields[key].type)
        if isinstance(value, float) and not math.isfinite(value):
            raise _Mistake(f"{key}: must be a finite number")
    for name, field in fields.items():
        if field.required and name not in row:
            raise _Mistake(f"{name}: is missing")
    try:
        return msgspec.convert(row, kind)
    except msgspec.ValidationError as error:
        raise _Mistake(_in_words(error)) from error


def issubclass_struct(kind: object) -> bool:
    """Whether a field holds a table with keys of its own."""
    return isinstance(kind, type) and issubclass(kind, Struct)


def _check_keys(where: str, table: Mapping[str, object], kind: type[Struct]) -> None:
    for key in table:
        if key not in kind.__struct_fields__:
            raise _Mistake(f"{where}.{key}: unknown key{_nearest(key, kind.__struct_fields__)}")
    if not table:
        raise _Mistake(f"{where}: names no key to match")


def _in_words(error: msgspec.ValidationError) -> str:
    told, _, where = str(error).replace(" | null", "").rpartition(" - at `")
    if not told:
        return str(error)
    for name, word in TYPE_WORDS.items():
        told = told.replace(f"`{name}`", word)
    key = where.rstrip("`").removeprefix("$").removeprefix(".")
    return f"{key}: {told[:1].lower()}{told[1:]}".replace("`", "'")


def _nearest(word: str, known: Iterator[str] | Mapping[str, object] | Any) -> str:  # noqa: ANN401
    names = [*known]
    found = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f", did you mean {found[0]!r}?" if found else f" (known: {', '.join(sorted(names))})"


def _dangling(scenario: Scenario) -> Iterator[str]:
    """Names that stand for nothing, and files that are not there."""
    bulletins = [one.id for one in scenario.bulletins]
    slots = [one.id for one in scenario.slots if one.id]
    yield from (f"bulletin: two are called {name!r}" for name in _twice(bulletins))
    yield from (f"slot: two are called {name!r}" for name in _twice(slots))
    for name in scenario.boards:
        yield from _unknown("boards", name, [*scenario.cluster_names])
    for number, one in enumerate(scenario.bulletins, 1):
        yield from _file_troubles(f"bulletin {number}: file", scenario.sound_path(one))
    for number, slot in enumerate(scenario.slots, 1):
        yield from _unknown(f"slot {number}: bulletin", slot.bulletin, bulletins)
        yield from _emergency_by_slot(f"slot {number}: bulletin", slot, scenario)
        yield from _unknown_clusters(f"slot {number}: clusters", slot.clusters, scenario)
    for number, event in enumerate(scenario.events, 1):
        yield from _event_troubles(f"event {number}", event, scenario, bulletins, slots)
    for number, expected in enumerate(scenario.expectations, 1):
        where = f"expect {number}"
        yield from _unknown_clusters(f"{where}: cluster", expected.cluster, scenario)
        yield from _expectation_troubles(where, expected, bulletins, slots)


def _emergency_by_slot(where: str, slot: PlannedSlot, scenario: Scenario) -> Iterator[str]:
    urgent = [one.id for one in scenario.bulletins if one.priority is Priority.EMERGENCY]
    if slot.bulletin in urgent:
        yield f"{where}: {slot.bulletin!r} is an emergency: sound it by an event"


def _event_troubles(
    where: str, event: Happening, scenario: Scenario, bulletins: list[str], slots: list[str]
) -> Iterator[str]:
    if (cluster := getattr(event, "cluster", None)) is not None:
        yield from _unknown_clusters(f"{where}: cluster", cluster, scenario)
    if isinstance(event, CorruptCache | EmergencyBegins):
        yield from _unknown(f"{where}: bulletin", event.bulletin, bulletins)
    if (slot := getattr(event, "slot", None)) is not None:
        yield from _unknown(f"{where}: slot", slot, slots)


def _expectation_troubles(
    where: str, expected: Expectation, bulletins: list[str], slots: list[str]
) -> Iterator[str]:
    match expected:
        case HeardExpectation(heard=name):
            yield from _unknown(f"{where}: heard", name, [*bulletins, CHIME])
        case NotHeardExpectation(not_heard=name):
            yield from _unknown(f"{where}: not_heard", name, [*bulletins, CHIME])
        case JournalExpectation(journal=match):
            if match.bulletin is not None:
                yield from _unknown(f"{where}: journal.bulletin", match.bulletin, bulletins)
            if match.slot is not None:
                yield from _unknown(f"{where}: journal.slot", match.slot, slots)
        case _:
            return


def _twice(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _unknown(where: str, name: str, known: list[str]) -> Iterator[str]:
    if name not in known:
        yield f"{where}: there is no {name!r}{_nearest(name, known) if known else ''}"


def _unknown_clusters(
    where: str, wanted: str | tuple[str, ...], scenario: Scenario
) -> Iterator[str]:
    names = scenario.named(wanted)
    if not names:
        yield f"{where}: names no cluster"
    for name in names:
        yield from _unknown(where, name, [*scenario.cluster_names])


def _file_troubles(where: str, path: Path) -> Iterator[str]:
    try:
        yield from _path_troubles(where, path)
    except OSError as error:
        yield f"{where}: {path} cannot be read: {error.strerror}"


def _path_troubles(where: str, path: Path) -> Iterator[str]:
    if path.is_dir():
        yield f"{where}: {path} is a folder"
    elif not path.exists():
        if not path.with_suffix(".txt").is_file():
            yield f"{where}: {path} is not there"
    elif not os.access(path, os.R_OK):
        yield f"{where}: {path} cannot be read: permission denied"
