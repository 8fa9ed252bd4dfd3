"""The cluster's configuration: one TOML file, made by the hub for this cluster."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from contract.ids import ClusterId, CommuneId, is_name
from contract.note import NoteRefused, VerifierKey
from contract.pack import PackKind
from edge.core.modem_care import ModemCare
from edge.core.night import NightRestart


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
        recovery_key: Verifier key of the commune's offline recovery key; only kept for now, it commands nothing.
    """

    mqtt_host: str
    mqtt_port: int
    media_url: str
    password: str
    keys: tuple[str, ...]
    recovery_key: str = ""


class CardRules(Struct, frozen=True, kw_only=True):
    """`[card]` of the configuration: how the card is used.

    Attributes:
        quota_mib: What all sounds may take; what is needed is kept beyond it.
        reserve_mib: Left free beside a sound that is to come.
        scrub_every_h: Each sound is read again once in this; 0: never.
        scrub_mib_s: At most so fast.
    """

    quota_mib: Annotated[int, Meta(ge=16)] = 4096
    reserve_mib: Annotated[int, Meta(ge=16)] = 200
    scrub_every_h: Annotated[float, Meta(ge=0)] = 168.0
    scrub_mib_s: Annotated[float, Meta(gt=0)] = 1.0


class KeyRules(Struct, frozen=True, kw_only=True):
    """What the cabinet's key sounds.

    Attributes:
        sounds: The kind of warning of the emergency pack (`contract.pack.PackKind`).
        repeats: How often it is spoken.
    """

    sounds: PackKind = PackKind.EVACUATION
    repeats: Annotated[int, Meta(ge=1, le=10)] = 5


class EdgeConfig(Struct, frozen=True, kw_only=True):
    """All that a cluster must be told.

    Attributes:
        card: How the card is used; the usual unless said.
        modem: When its modem loses its supply for a moment; the usual unless said.
        night_restart: When the agent begins afresh; never unless said.
        key: What the cabinet's key sounds.
    """

    commune: CommuneId
    cluster: ClusterId
    board: str
    hub: HubAddress
    card: CardRules = CardRules()
    modem: ModemCare = ModemCare()
    night_restart: NightRestart = NightRestart()
    key: KeyRules = KeyRules()

    def verifier_keys(self) -> tuple[VerifierKey, ...]:
        """Keys whose signatures count."""
        return tuple(VerifierKey.decode(line) for line in self.hub.keys)


TABLES: dict[str, type[Struct]] = {
    "hub": HubAddress,
    "card": CardRules,
    "modem": ModemCare,
    "night_restart": NightRestart,
    "key": KeyRules,
}
"""Tables of the file, with what they hold."""
LEAST_CYCLE_S, LONGEST_OFF_S = 1.0, 50.0
"""A modem is off for less than its relay's guard allows."""


def load_config(path: Path) -> EdgeConfig:
    """Reads and checks a configuration.

    Raises:
        ConfigErrors: All problems at once; an unknown key comes with the nearest right name.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigErrors(path, [f"không đọc được / cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigErrors(path, [f"không phải TOML / is no TOML: {error}"]) from error
    problems = _key_problems(raw, EdgeConfig, "") + _value_problems(raw, EdgeConfig, "")
    for name, kind in TABLES.items():
        problems += _table_problems(name, raw.get(name, {}), kind)
    if problems:
        raise ConfigErrors(path, problems)
    config = msgspec.convert(raw, EdgeConfig)
    if problems := _meaning_problems(config):
        raise ConfigErrors(path, problems)
    return config


def _table_problems(name: str, table: object, kind: type[Struct]) -> list[str]:
    if not isinstance(table, dict):
        return [f"{name}: phải là một bảng [{name}] / must be a table [{name}]"]
    if not table:  # that it is missing altogether is said already, where that matters
        return []
    where = f"{name}."
    return _key_problems(table, kind, where) + _value_problems(table, kind, where)


def _key_problems(raw: dict[str, Any], kind: type[Struct], where: str) -> list[str]:
    known = kind.__struct_fields__
    needed = [field.name for field in msgspec.structs.fields(kind) if field.required]
    problems = [f"{where}{name}: thiếu / missing" for name in needed if name not in raw]
    for name in raw:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f", có phải / did you mean {near[0]!r}?" if near else f"; {', '.join(known)}"
            problems.append(f"{where}{name}: khoá lạ / unknown key{hint}")
    return problems


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _value_problems(raw: dict[str, Any], kind: type[Struct], where: str) -> list[str]:
    problems = []
    for field in msgspec.structs.fields(kind):
        if field.name in raw and not (
            isinstance(field.type, type) and issubclass(field.type, Struct)
        ):
            try:
                msgspec.convert(raw[field.name], field.type)
            except msgspec.ValidationError as error:
                problems.append(f"{where}{field.name}: sai kiểu / wrong type: {error}")
    return problems


def _key_problem(line: str) -> str:
    try:
        VerifierKey.decode(line)
    except NoteRefused as error:
        return str(error) or "không phải khoá / is no key"
    return ""


def _meaning_problems(config: EdgeConfig) -> list[str]:
    problems = [
        f"{name}: {value!r}: chỉ dùng / use only a-z, 0-9, -"
        for name, value in (("commune", config.commune), ("cluster", config.cluster))
        if not is_name(value)
    ]
    problems += [f"hub.keys: {why}" for why in map(_key_problem, config.hub.keys) if why]
    if config.hub.recovery_key and (why := _key_problem(config.hub.recovery_key)):
        problems.append(f"hub.recovery_key: {why}")
    if not config.hub.keys:
        problems.append("hub.keys: rỗng, không ai điều khiển được / empty, nobody could command")
    if not 0 < config.hub.mqtt_port < 1 << 16:
        problems.append(f"hub.mqtt_port: {config.hub.mqtt_port}: 1–65535")
    if config.modem.cycle_after_s < LEAST_CYCLE_S:
        problems.append(
            f"modem.cycle_after_s: {config.modem.cycle_after_s:g}: >= {LEAST_CYCLE_S:g}"
        )
    if not 0 < config.modem.off_s <= LONGEST_OFF_S:
        problems.append(f"modem.off_s: {config.modem.off_s:g}: 0–{LONGEST_OFF_S:g}")
    if not _is_http(config.hub.media_url):
        problems.append(f"hub.media_url: {config.hub.media_url!r}: http(s)://máy/host[:port]")
    return problems
