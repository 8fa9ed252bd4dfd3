"""What a technician asks of a cluster: how it is, what it will play and why, whether a note holds."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from contract.journal import ItemRow
from contract.model import ZONE
from contract.note import NoteRefused, open_note
from contract.status import Reported
from edge.core.card_words import card_lines
from edge.core.clock_trust import Doubt, Standing
from edge.core.explain import explain
from edge.core.fault_words import fault_line
from edge.core.link_words import link_words
from edge.core.rows import closed_items
from edge.core.state import Limits, Snapshot
from edge.core.words import Language, agent_down_words, doubt_words, say, trust_words
from edge.shell.agent_clock import AgentClock
from edge.shell.config import ConfigErrors, EdgeConfig, load_config
from edge.shell.ledger import Ledger
from edge.shell.plan_store import PlanStore
from edge.shell.sound_cache import stored_sounds
from edge.shell.status_file import Status, StatusFile
from hardware.board import find_board
from hardware.clock import SystemClock

NS_PER_MS = 1_000_000
FARTHEST = timedelta(days=366)


def add_parsers(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `status`, `explain` and `verify`."""
    status = verbs.add_parser("status", help="how the cluster is now")
    status.set_defaults(command=_status)
    asked = verbs.add_parser("explain", help="what sounds at an instant, and why the rest does not")
    asked.add_argument(
        "--at", required=True, metavar="TIME", help="17:00 (today) or 2026-11-24T17:00"
    )
    asked.set_defaults(command=_explain)
    verify = verbs.add_parser("verify", help="what a signed file is, and whether it holds")
    verify.add_argument("note", type=Path)
    verify.set_defaults(command=_verify)
    for verb in (status, asked, verify):
        verb.add_argument(
            "--english",
            dest="language",
            action="store_const",
            const=Language.EN,
            default=Language.VI,
        )


def _print(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


def _status(options: argparse.Namespace) -> int:
    language: Language = options.language
    found = StatusFile(options.state / "run" / "status.json").read()
    if found is None:
        _print(agent_down_words(language))
        return 1
    link = _link_in_words(found, SystemClock().mono_ns() // NS_PER_MS, language)
    title = _title_on_air(options, found.reported)
    lines = status_lines(found.reported, link=link, language=language, title=title)
    on_card = card_lines(found.card, language) if found.card else []
    _print(*lines, *on_card, *clock_lines(found, SystemClock().mono_ns(), language))
    return 0


def _title_on_air(options: argparse.Namespace, report: Reported) -> str:
    """As the plan on the card has it; empty: nothing is on air, or it cannot be looked up."""
    if report.on_air is None:
        return ""
    try:
        plan = _plan_store(load_config(options.config), options.state).look()
    except (ConfigErrors, OSError):  # how the cluster is can be told all the same
        return ""
    titles = {one.id: one.title for one in plan.bulletins} if plan else {}
    return titles.get(report.on_air.bulletin, "")


def _plan_store(config: EdgeConfig, state: Path) -> PlanStore:
    return PlanStore(state / "desired.note", config.verifier_keys(), config.commune, config.cluster)


def clock_lines(status: Status, mono_ns: int, language: Language) -> list[str]:
    """The cluster's own time, how far it is believed, since when, and why not further."""
    clock, zone = status.clock, ZoneInfo(ZONE)
    now = clock.at(mono_ns).astimezone(zone)
    since = clock.at(clock.trust_since_mono_ms * 1_000_000).astimezone(zone)
    known = trust_words(status.reported.clock_trust, language)
    lines = [
        say(language, "Giờ của cụm: ", "The cluster's time: ") + f"{now:%H:%M:%S %d-%m-%Y}",
        known + say(language, ", từ ", ", since ") + f"{since:%H:%M:%S %d-%m-%Y}",
    ]
    if why := doubt_words(clock.doubt, language):
        lines.append("  → " + why)
    return lines


def _link_in_words(found: Status, now_ms: int, language: Language) -> str:
    def ago_s(then_ms: int | None) -> float | None:
        return None if then_ms is None else max(0, now_ms - then_ms) / 1000

    return link_words(
        is_up=found.link_up,
        down_s=ago_s(found.link.down_since_mono_ms),
        cycled_s=ago_s(found.link.modem_cycled_mono_ms),
        cycles=found.link.modem_cycles,
        language=language,
    )


def status_lines(report: Reported, *, link: str, language: Language, title: str = "") -> list[str]:
    """A report in words, one fact a line; `link`: how the link is, in words; `title`: of what is on air, if known."""
    on = say(language, "bật", "on") if report.relays.get("amp") else say(language, "tắt", "off")
    on_air = report.on_air.bulletin if report.on_air else say(language, "không", "nothing")
    if title:
        on_air = f"«{title}»"
    if report.emergency:
        on_air = say(language, "KHẨN CẤP, lệnh ", "EMERGENCY, order ") + report.emergency
    arrester = {
        True: say(language, "tốt", "good"),
        False: say(language, "HỎNG, hãy thay", "FAILED, replace it"),
        None: "?",
    }
    return [
        say(language, "Đang phát: ", "On air: ") + on_air,
        say(language, "Tăng âm: ", "Amplifier: ") + on,
        say(language, "Kết nối về xã: ", "Link to the hub: ") + link,
        say(language, "Lịch phát số: ", "Plan: ") + str(report.desired_version or "-"),
        say(
            language,
            f"Tệp âm thanh: {report.cached} đủ, {len(report.missing)} thiếu",
            f"Sounds: {report.cached} held, {len(report.missing)} missing",
        ),
        say(language, "Chống sét: ", "Surge arrester: ")
        + arrester[report.arrester_ok]
        + say(language, f", {report.surge_count} lần xung sét", f", {report.surge_count} surges"),
        say(language, "Nhật ký chờ gửi: ", "Journal rows waiting: ") + str(report.journal_waiting),
        *(say(language, "LỖI: ", "FAULT: ") + fault_line(code, language) for code in report.faults),
    ]


def _explain(options: argparse.Namespace) -> int:
    config = load_config(options.config)
    clock = SystemClock()
    at = parse_instant(options.at, clock.now())
    if at is not None and abs(at - clock.now()) > FARTHEST:
        sys.stderr.write(
            say(
                options.language,
                f"loaxa-edge: {options.at!r} cách hôm nay hơn một năm\n",
                f"loaxa-edge: {options.at!r} is more than a year away\n",
            )
        )
        return 2
    if at is None:
        sys.stderr.write(
            say(
                options.language,
                f"loaxa-edge: không hiểu giờ {options.at!r}; hãy viết 17:00 hoặc 2026-11-24T17:00\n",
                f"loaxa-edge: cannot read the time {options.at!r}; write 17:00 or 2026-11-24T17:00\n",
            )
        )
        return 2
    board = find_board(config.board)
    limits = Limits(warm_up_s=board.warm_up_s, hold_s=board.hold_s)
    runs = StatusFile(options.state / "run" / "status.json").read() is not None
    if not (options.state / "ledger.db").exists():  # a question must not make a ledger
        blank = Snapshot(now=clock.now(), trust=clock.trust(), plan=None)
        _print(*explain(blank, at, [], limits, options.language, agent_runs=runs))
        return 0
    rows, snapshot, doubt = _look(config, options.state, clock, at)
    _print(*explain(snapshot, at, rows, limits, options.language, doubt=doubt, agent_runs=runs))
    return 0


def _look(
    config: EdgeConfig, state: Path, host: SystemClock, at: datetime
) -> tuple[list[ItemRow], Snapshot, Doubt]:
    """How the cluster is, without changing anything of it: an agent may run on the same files.

    Raises:
        OSError: The ledger cannot be read.
    """
    try:
        ledger = Ledger(state / "ledger.db", read_only=True)
    except sqlite3.DatabaseError as error:
        raise OSError(f"{state / 'ledger.db'}: {error}") from error
    try:
        now, standing = _time(state, host, ledger)
        rows = ledger.closed_since(min(at, now) - timedelta(hours=6))
        snapshot = Snapshot(
            now=now,
            trust=standing.trust,
            plan=_plan_store(config, state).look(),
            held=stored_sounds(state / "sounds"),
            closed=closed_items(rows),
            open=ledger.open_item(),
            watermark=ledger.watermark(),
        )
    finally:
        ledger.close()
    return rows, snapshot, standing.doubt


def _time(state: Path, host: SystemClock, ledger: Ledger) -> tuple[datetime, Standing]:
    """The cluster's time as the running agent has it, else as one that starts now would."""
    found = StatusFile(state / "run" / "status.json").read()
    if found is None:
        clock = AgentClock(host, ledger.clock_memory())
        return clock.now(), Standing(trust=clock.trust(), doubt=clock.doubt)
    standing = Standing(trust=found.reported.clock_trust, doubt=found.clock.doubt)
    return found.clock.at(host.mono_ns()), standing


def parse_instant(text: str, now: datetime) -> datetime | None:
    """A local time of today, or a local date and time; None when it is neither."""
    zone = ZoneInfo(ZONE)
    today = now.astimezone(zone).date().isoformat()
    for candidate in (text, f"{today}T{text}"):
        try:
            at = datetime.fromisoformat(candidate)
        except ValueError:
            continue
        if "T" in candidate or " " in candidate:
            return at if at.tzinfo else at.replace(tzinfo=zone)
    return None


def _verify(options: argparse.Namespace) -> int:
    language: Language = options.language
    keys = load_config(options.config).verifier_keys()
    try:
        note = options.note.read_bytes()
    except OSError as error:
        sys.stderr.write(f"loaxa-edge: {options.note}: {error.strerror}\n")
        return 2
    if note.endswith(b"\n\n"):
        note = note[:-1]  # a program that prints notes added a line end of its own
    try:
        text, signed = open_note(note, keys)
    except NoteRefused as error:
        _print(say(language, f"KHÔNG hợp lệ: {error}", f"Does NOT hold: {error}"))
        return 1
    names = ", ".join(key.name for key in signed)
    holds = say(language, f"Hợp lệ, ký bởi {names}: ", f"Holds, signed by {names}: ")
    _print(holds + _what_it_is(text, language))
    return 0


def _what_it_is(text: str, language: Language) -> str:
    try:
        facts = msgspec.json.decode(text, type=dict[str, object])
    except msgspec.MsgspecError:
        return say(language, "văn bản không rõ loại", "a text of no known kind")
    shown = ("kind", "commune", "cluster", "version", "issued_at", "epoch", "up_to")
    return ", ".join(f"{name} {facts[name]}" for name in shown if name in facts)
