"""The hub's settings, from `hub.toml`: typed, with units, and every mistake told at once."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta, Struct

from contract.ids import NAME_PATTERN, CommuneId
from contract.model import Fetching, LocalTime, Percent, QuietHours
from contract.policy import DEFAULT_QUIET_HOURS, MAX_DURATION_S
from hub.core.windows import MAX_DOWNLOAD_WINDOWS, Window, daily_windows
from hub.errors import HubError

Address = Annotated[str, Meta(pattern=r"^[^\s:/]+:[0-9]{1,5}$|^\[[0-9a-fA-F:]+\]:[0-9]{1,5}$")]
"""HOST:PORT."""


class HttpSettings(Struct, frozen=True, kw_only=True):
    """Where pages, the API and sound files are served."""

    address: Address = "127.0.0.1:8080"


class MqttSettings(Struct, frozen=True, kw_only=True):
    """Where the hub's Mosquitto listens."""

    address: Address = "127.0.0.1:1883"


class StoreSettings(Struct, frozen=True, kw_only=True):
    """Durable facts. An empty url: SQLite in the state directory."""

    url: str = ""


class LiveSettings(Struct, frozen=True, kw_only=True):
    """Live view of the fleet. An empty url: in this process; else `redis://...`."""

    url: str = ""


class PlanSettings(Struct, frozen=True, kw_only=True):
    """What every cluster's plan holds besides the slots.

    Attributes:
        download_windows: When clusters fetch sounds, unless a cluster has its own; none: at any time.
        monthly_mib: How much a cluster fetches a calendar month at most, unless it has its own limit; 0: any amount.
    """

    quiet_hours: tuple[Window, ...] = tuple(f"{q.start}-{q.end}" for q in DEFAULT_QUIET_HOURS)
    volume_pct: Percent = 80
    download_windows: Annotated[tuple[Window, ...], Meta(max_length=MAX_DOWNLOAD_WINDOWS)] = ()
    monthly_mib: Annotated[int, Meta(ge=0)] = 0

    def windows(self) -> tuple[QuietHours, ...]:
        """The quiet hours as the plan names them."""
        pairs = (window.split("-") for window in self.quiet_hours)
        return tuple(QuietHours(start=start, end=end) for start, end in pairs)

    def fetching(self) -> Fetching:
        """When and how much clusters fetch, as the plan names it."""
        return Fetching(
            windows=daily_windows(self.download_windows), monthly_mib=self.monthly_mib or None
        )


class MediaSettings(Struct, frozen=True, kw_only=True):
    """Limits of what may be uploaded."""

    max_upload_mib: Annotated[int, Meta(ge=1, le=10_000)] = 500
    max_duration_s: Annotated[int, Meta(ge=1, le=MAX_DURATION_S)] = MAX_DURATION_S


class BackupSettings(Struct, frozen=True, kw_only=True):
    """How the hub backs itself up.

    Attributes:
        folder: Where to, for example on another disk; empty: `backups` in the state directory. It must be there.
        hour: Local hour of the day.
        daily: Of so many days the newest is kept; 0: the hub makes none by itself.
        weekly: Of so many weeks too.
    """

    folder: str = ""
    hour: Annotated[int, Meta(ge=0, le=23)] = 2
    daily: Annotated[int, Meta(ge=0, le=366)] = 7
    weekly: Annotated[int, Meta(ge=0, le=520)] = 4


class Settings(Struct, frozen=True, kw_only=True):
    """All settings of a hub.

    Attributes:
        commune: Name in topics and keys.
        name: What people call the commune.
    """

    commune: Annotated[CommuneId, Meta(pattern=NAME_PATTERN)]
    name: str = ""
    http: HttpSettings = HttpSettings()
    mqtt: MqttSettings = MqttSettings()
    store: StoreSettings = StoreSettings()
    live: LiveSettings = LiveSettings()
    plan: PlanSettings = PlanSettings()
    media: MediaSettings = MediaSettings()
    backup: BackupSettings = BackupSettings()


IN_WORDS = {
    Address: "must be HOST:PORT, for example 127.0.0.1:8080",
    Window: "must be HH:MM-HH:MM",
    LocalTime: "must be HH:MM",
}


def split_address(address: str) -> tuple[str, int]:
    """Host and port of HOST:PORT.

    Raises:
        HubError: It is neither.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:  # noqa: PLR2004
        raise HubError(
            "bad_address",
            f"{address!r} phải có dạng MÁY:CỔNG, ví dụ 127.0.0.1:8080",
            f"{address!r} must be HOST:PORT, for example 127.0.0.1:8080",
        )
    return host.strip("[]"), int(port)


def load_settings(path: Path) -> Settings:
    """Reads `hub.toml`.

    Raises:
        HubError: It is missing, no TOML, or has mistakes: all of them are named.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise HubError(
            "no_hub",
            f"chưa có hub ở {path.parent}; hãy chạy: loaxa-hub init --state {path.parent} --commune TÊN",
            f"there is no hub in {path.parent}; run: loaxa-hub init --state {path.parent} --commune NAME",
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _bad(path, [str(error)]) from error
    mistakes = [*_mistakes(raw, Settings, "")]
    if mistakes:
        raise _bad(path, mistakes)
    settings = msgspec.convert(raw, Settings)
    for address in (settings.http.address, settings.mqtt.address):
        split_address(address)
    return settings


def _bad(path: Path, mistakes: list[str]) -> HubError:
    listed = "; ".join(mistakes)
    return HubError("bad_settings", f"{path}: cần sửa: {listed}", f"{path}: {listed}")


def _mistakes(raw: Mapping[str, Any], kind: type[Struct], where: str) -> Iterator[str]:
    hints = get_type_hints(kind, include_extras=True)
    for key, value in raw.items():
        if key not in hints:
            yield f"{where}{key}: unknown key{_nearest(key, [*hints])}"
        else:
            yield from _mistakes_of_value(value, hints[key], f"{where}{key}")
    for field in msgspec.structs.fields(kind):
        if field.required and field.name not in raw:
            yield f"{where}{field.name}: missing"


def _mistakes_of_value(value: object, hint: Any, where: str) -> Iterator[str]:  # noqa: ANN401 - a type
    if isinstance(hint, type) and issubclass(hint, Struct) and isinstance(value, dict):
        yield from _mistakes(value, hint, f"{where}.")
        return
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        yield f"{where}: {_in_words(hint, str(error))}"


def _in_words(hint: object, error: str) -> str:
    for known, words in IN_WORDS.items():
        if known == hint or known in getattr(hint, "__args__", ()):
            return words
    return error[:1].lower() + error[1:]


def _nearest(key: str, names: list[str]) -> str:
    found = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    return f", did you mean {found[0]!r}?" if found else f"; known here: {', '.join(names)}"


def settings_text(settings: Settings) -> str:
    """`hub.toml` for a new hub: what differs between hubs, and the rest as comments."""
    windows = ", ".join(f'"{window}"' for window in settings.plan.quiet_hours)
    return f"""\
commune = "{settings.commune}"
name = {_quoted(settings.name)}

[http]
address = "{settings.http.address}"

[mqtt]
address = "{settings.mqtt.address}"

[plan]
quiet_hours = [{windows}]
volume_pct = {settings.plan.volume_pct}

# download_windows = ["22:00-05:00"]  # clusters fetch sounds only then; without it at any time
# monthly_mib = 500                   # a cluster fetches so much a month at most; without it any amount

# [store]
# url = "postgresql+psycopg://..."   # without it: hub.db in this directory
# [live]
# url = "redis://127.0.0.1:6379"     # without it: in the hub's process
# [media]
# max_upload_mib = {settings.media.max_upload_mib}
# max_duration_s = {settings.media.max_duration_s}
# [backup]
# folder = "/mnt/usb/loaxa"          # without it: backups in this directory, which is lost with its disk
# hour = {settings.backup.hour}
# daily = {settings.backup.daily}                          # 0: none by itself
# weekly = {settings.backup.weekly}
"""


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
