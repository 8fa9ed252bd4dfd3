"""The cluster's configuration: one TOML file, made by the hub for this cluster."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from contract.ids import ClusterId, CommuneId, is_name
from contract.note import NoteRefused, VerifierKey


class ConfigErrors(ValueError):  # noqa: N818 - it carries all of them
    """Everything that is wrong with a configuration, one line each."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        super().__init__("\n".join(f"{path}: {problem}" for problem in problems))
        self.problems = problems


class HubAddress(Struct, frozen=True, kw_only=True):
    """Where the hub is and how this cluster proves itself.

    Attributes:
        password: Of the user named like the cluster, for MQTT and for sounds.
        keys: Verifier keys of those who may command this cluster, one line each.
    """

    mqtt_host: str
    mqtt_port: int
    media_url: str
    password: str
    keys: tuple[str, ...]


class EdgeConfig(Struct, frozen=True, kw_only=True):
    """All that a cluster must be told."""

    commune: CommuneId
    cluster: ClusterId
    board: str
    hub: HubAddress

    def verifier_keys(self) -> tuple[VerifierKey, ...]:
        """Keys whose signatures count."""
        return tuple(VerifierKey.decode(line) for line in self.hub.keys)


def load_config(path: Path) -> EdgeConfig:
    """Reads and checks a configuration.

    Raises:
        ConfigErrors: All problems at once; an unknown key comes with the nearest right name.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigErrors(path, [f"cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigErrors(path, [f"is no TOML: {error}"]) from error
    problems = [
        *_key_problems(raw, EdgeConfig, ""),
        *_key_problems(_table(raw, "hub"), HubAddress, "hub."),
    ]
    problems += _value_problems(raw, EdgeConfig, "") + _value_problems(
        _table(raw, "hub"), HubAddress, "hub."
    )
    if problems:
        raise ConfigErrors(path, problems)
    config = msgspec.convert(raw, EdgeConfig)
    if problems := _meaning_problems(config):
        raise ConfigErrors(path, problems)
    return config


def _table(raw: dict[str, Any], name: str) -> dict[str, Any]:
    found = raw.get(name)
    return found if isinstance(found, dict) else {}


def _key_problems(raw: dict[str, Any], kind: type[Struct], where: str) -> list[str]:
    known = kind.__struct_fields__
    problems = [f"{where}{name}: missing" for name in known if name not in raw]
    for name in raw:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f", did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
            problems.append(f"{where}{name}: unknown key{hint}")
    return problems


def _value_problems(raw: dict[str, Any], kind: type[Struct], where: str) -> list[str]:
    problems = []
    for field in msgspec.structs.fields(kind):
        if field.name in raw and not (
            isinstance(field.type, type) and issubclass(field.type, Struct)
        ):
            try:
                msgspec.convert(raw[field.name], field.type)
            except msgspec.ValidationError as error:
                problems.append(f"{where}{field.name}: {error}")
    return problems


def _meaning_problems(config: EdgeConfig) -> list[str]:
    problems = [
        f"{name}: {value!r} is no name; use a-z, 0-9 and hyphens"
        for name, value in (("commune", config.commune), ("cluster", config.cluster))
        if not is_name(value)
    ]
    for line in config.hub.keys:
        try:
            VerifierKey.decode(line)
        except NoteRefused as error:
            problems.append(f"hub.keys: {error}")
    if not config.hub.keys:
        problems.append("hub.keys: empty; nobody could command this cluster")
    return problems
