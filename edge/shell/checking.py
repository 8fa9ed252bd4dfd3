"""`loaxa-edge check`: whether cabinet and link hold, and what a technician can do where they do not."""

from __future__ import annotations

import argparse
import asyncio
import base64
import http.client
import os
import sys
from collections.abc import AsyncIterator, Iterator
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

import aiomqtt
from msgspec import Struct

from edge.core.card_words import CardStatus, data_words, room_words
from edge.core.words import Language
from edge.shell.clock_check import judge_agent_clock, judge_told_clock
from edge.shell.config import EdgeConfig, HubAddress, load_config
from edge.shell.fault_verdicts import judge_faults
from edge.shell.own_thread import on_own_thread
from edge.shell.status_file import Status, StatusFile
from hardware.board import Board, find_board
from hardware.clock import SystemClock
from hardware.devices import open_devices, open_health
from hardware.health import faults_of
from hardware.judging import (
    judge_arrester,
    judge_machine,
    judge_pins,
    judge_player,
    judge_pulse,
    judge_temperature,
)
from hardware.libvlc import libvlc_version
from hardware.machine import Machine
from hardware.pin_error import PinError
from hardware.probing import Event, Prober
from hardware.simulated.wire import SOCKET_NAME
from hardware.verdict import NO_CABINET, Verdict, Words, bad, exit_code, good, line_of

PATIENCE_S = 10.0
NO_SOUND = "0" * 64
"""A hash that no sound has: the hub answers 404 to those whom it knows."""
KNOWN, UNKNOWN = frozenset({200, 206, 404}), frozenset({401, 403})
REFUSED = frozenset({4, 5, 134, 135})
"""Reason codes of MQTT 3 and 5 for a wrong name or password."""


class LogIn(Enum):
    """How the broker answered."""

    TAKEN = "taken"
    REFUSED = "refused"
    SILENT = "silent"


class Answer(Struct, frozen=True, kw_only=True):
    """What the hub's media address said; no status: nothing, and why."""

    status: int | None = None
    why: str = ""


# Judging: pure


def judge_status(status: Status) -> Iterator[Verdict]:
    """The cabinet, as the running agent sees it."""
    reported = status.reported
    is_on = reported.relays.get("amp", False)
    yield good(
        Words("Chương trình", "Agent"),
        Words(f"đang chạy, phiên bản {reported.software}", f"running, version {reported.software}"),
    )
    amplifier = Words("đang bật", "on") if is_on else Words("đang tắt", "off")
    yield good(Words("Tăng âm", "Amplifier"), amplifier)
    yield judge_arrester(reported.arrester_ok)
    yield judge_told_clock(status)
    if status.card is not None:
        yield from judge_card(status.card)
    yield from judge_faults(reported.faults)


def judge_no_agent(simulated: Path | None) -> Verdict:
    """No agent runs; beside the cabinet simulated in that folder it is started by hand."""
    by_hand = f"loaxa-edge run --simulated {simulated}"
    start = by_hand if simulated else "systemctl start loaxa-edge"
    return bad(
        Words("Chương trình", "Agent"),
        Words("không chạy, cụm loa không phát gì", "not running, nothing plays"),
        Words(f"hãy chạy: {start}", f"run: {start}"),
    )


def judge_card(card: CardStatus) -> Iterator[Verdict]:
    """What is on the card, and what was fetched."""
    vi, en = Language.VI, Language.EN
    yield good(
        Words("Tệp trên thẻ", "Sounds on the card"),
        Words(room_words(card, vi), room_words(card, en)),
    )
    yield good(
        Words("Dữ liệu tháng này", "Data this month"),
        Words(data_words(card, vi), data_words(card, en)),
    )
    if card.rows_in_memory:
        yield bad(
            Words("Nhật ký", "Journal"),
            Words(
                f"{card.rows_in_memory} dòng chờ trong bộ nhớ, thẻ không ghi được",
                f"{card.rows_in_memory} rows wait in memory, the card takes nothing",
            ),
            Words(
                "đừng ngắt điện khi chưa có mạng để gửi về xã; giải phóng hoặc thay thẻ nhớ",
                "do not cut the power before they have reached the hub; make room on the card, or replace it",
            ),
        )


def judge_libvlc(version: str | None) -> Verdict:
    """Whether the player's library is there."""
    part = Words("Thư viện VLC", "VLC library")
    if version:
        return good(part, Words(version, version))
    install = "sudo apt-get install libvlc5 libvlc-bin vlc-plugin-base"
    missing = Words("chưa cài", "not installed")
    return bad(part, missing, Words(f"hãy chạy: {install}", f"run: {install}"))


def judge_broker(hub: HubAddress, why: str) -> Verdict:
    """Whether a connection to the broker comes about; `why` not, or empty."""
    address = f"{hub.mqtt_host}:{hub.mqtt_port}"
    part = Words("Đường truyền về xã", "Way to the hub")
    if not why:
        return good(part, Words(f"nối được {address}", f"{address} answers"))
    return bad(
        part,
        Words(f"không nối được {address} ({why})", f"{address} does not answer ({why})"),
        Words(
            "kiểm tra SIM, sóng 4G và địa chỉ mqtt_host, mqtt_port; hỏi xã máy chủ có đang chạy không",
            "check SIM, signal, mqtt_host and mqtt_port; ask the commune whether the hub runs",
        ),
    )


def judge_log_in(cluster: str, log_in: LogIn) -> Verdict:
    """Whether the broker lets this cluster in."""
    part = Words("Đăng nhập", "Log-in")
    match log_in:
        case LogIn.TAKEN:
            return good(part, Words(f"được, tên {cluster}", f"works, as {cluster}"))
        case LogIn.REFUSED:
            return bad(part, Words("sai tên hoặc mật khẩu", "wrong name or password"), _NEW_CONFIG)
        case LogIn.SILENT:
            return bad(
                part,
                Words("máy chủ không trả lời", "the broker does not answer"),
                Words(
                    "hỏi xã máy chủ có đang chạy không; kiểm tra mqtt_port",
                    "ask the commune whether the hub runs; check mqtt_port",
                ),
            )


def judge_media(media_url: str, answer: Answer) -> Verdict:
    """Whether the hub gives sounds to this cluster."""
    part = Words("Kho âm thanh", "Sound store")
    if answer.status in KNOWN:
        return good(part, Words(f"trả lời: {media_url}", f"{media_url} answers"))
    if answer.status in UNKNOWN:
        return bad(part, Words("sai tên hoặc mật khẩu", "wrong name or password"), _NEW_CONFIG)
    why = answer.why or f"HTTP {answer.status}"
    return bad(
        part,
        Words(f"không lấy được {media_url} ({why})", f"{media_url} cannot be used ({why})"),
        Words(
            "kiểm tra media_url; hỏi xã máy chủ có đang chạy không",
            "check media_url; ask the commune whether the hub runs",
        ),
    )


_NEW_CONFIG = Words(
    "xin xã cấp lại tệp cấu hình cho cụm này: loaxa-hub cluster renew TÊN_CỤM --out TỆP",
    "ask the commune for this cluster's configuration again: loaxa-hub cluster renew NAME --out FILE",
)


# Asking: the shell


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `check`."""
    check = verbs.add_parser("check", help="whether cabinet and link hold, and what to do if not")
    check.add_argument(
        "--simulated", type=Path, metavar="CABINET", help="use the simulated cabinet in this folder"
    )
    check.add_argument("--english", action="store_true")
    check.set_defaults(command=_check)


def _check(options: argparse.Namespace) -> int:
    config = load_config(options.config)
    board = find_board(config.board)
    if options.simulated and not (options.simulated / SOCKET_NAME).exists():
        missing = NO_CABINET.say(english=options.english)
        sys.stderr.write(f"loaxa-edge: {options.simulated}: {missing}\n")
        return 2
    status = StatusFile(options.state / "run" / "status.json").read()
    return asyncio.run(_say_all(_examine(config, board, options, status), options.english))


async def _say_all(verdicts: AsyncIterator[Verdict], english: bool) -> int:  # noqa: FBT001 - passed on
    said = []
    async for verdict in verdicts:
        said.append(verdict)
        sys.stdout.write(line_of(verdict, english=english) + "\n")
        sys.stdout.flush()
    return exit_code(said)


async def _examine(
    config: EdgeConfig, board: Board, options: argparse.Namespace, status: Status | None
) -> AsyncIterator[Verdict]:
    health = await on_own_thread(
        "health", open_health(_nearest(options.state), simulated=options.simulated).read
    )
    cabinet = (
        _from_agent(status) if status else _from_devices(board, options.simulated, options.state)
    )
    if not status:
        yield judge_no_agent(options.simulated)
    async for verdict in cabinet:
        yield verdict
    if not status:
        for verdict in judge_faults(faults_of(health, {})):
            yield verdict
    yield judge_temperature(health.temperature_c)
    yield judge_libvlc(libvlc_version())
    for verdict in judge_machine(Machine(_nearest(options.state)).read()):
        yield verdict
    async for verdict in _link(config, is_in=status is not None and status.link_up):
        yield verdict


async def _from_agent(status: Status) -> AsyncIterator[Verdict]:
    for verdict in judge_status(status):
        yield verdict


async def _from_devices(
    board: Board, simulated: Path | None, state: Path
) -> AsyncIterator[Verdict]:
    """No agent holds the pins. Nothing is switched on and nothing sounds."""
    events: asyncio.Queue[Event] = asyncio.Queue()
    try:
        async with open_devices(board, simulated=simulated, on_event=events.put_nowait) as devices:
            prober = Prober(devices, board, events)
            yield judge_arrester(await prober.read_arrester())
            yield judge_pulse(devices.surge.is_pulse_closed)
            yield judge_player(await prober.open_tone())
            yield judge_agent_clock(devices.clock, state)
    except PinError as error:
        yield judge_pins(str(error), is_agent_down=True)
        yield judge_agent_clock(SystemClock(), state)


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(one for one in (folder, *folder.absolute().parents) if one.is_dir())


async def _link(config: EdgeConfig, *, is_in: bool) -> AsyncIterator[Verdict]:
    """A second log-in would throw the running agent out: when that is in, it is the proof."""
    why = await _reach(config.hub)
    yield judge_broker(config.hub, why)
    if not why:
        log_in = LogIn.TAKEN if is_in else await _log_in(config)
        yield judge_log_in(config.cluster, log_in)
    yield judge_media(config.hub.media_url, await asyncio.to_thread(_ask_media, config))


async def _reach(hub: HubAddress) -> str:
    try:
        async with asyncio.timeout(PATIENCE_S):
            _, writer = await asyncio.open_connection(hub.mqtt_host, hub.mqtt_port)
    except TimeoutError:
        return f"{PATIENCE_S:.0f} s"
    except (OSError, UnicodeError) as error:
        return _why(error)
    writer.close()
    return ""


def _why(error: Exception) -> str:
    """In the system's words, without numbers."""
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


async def _log_in(config: EdgeConfig) -> LogIn:
    client = aiomqtt.Client(
        hostname=config.hub.mqtt_host,
        port=config.hub.mqtt_port,
        username=config.cluster,
        password=config.hub.password,
        identifier=f"{config.commune}.{config.cluster}.check",
        timeout=PATIENCE_S,
    )
    try:
        async with client:
            return LogIn.TAKEN
    except aiomqtt.MqttCodeError as error:
        code = getattr(error.rc, "value", error.rc)
        return LogIn.REFUSED if code in REFUSED else LogIn.SILENT
    except (aiomqtt.MqttError, OSError):
        return LogIn.SILENT


def _ask_media(config: EdgeConfig) -> Answer:
    url = urlsplit(config.hub.media_url)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(url.hostname or "", url.port, timeout=PATIENCE_S)
        token = base64.b64encode(f"{config.cluster}:{config.hub.password}".encode()).decode()
        headers = {"Authorization": f"Basic {token}"}
        connection.request("GET", f"{url.path}/media/{NO_SOUND}", headers=headers)
        status = connection.getresponse().status
        connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(why=_why(error))
    return Answer(status=status)
