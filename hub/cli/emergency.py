"""`loaxa-hub emergency start`, `stop` and `show`: what the page's emergency button does."""

from __future__ import annotations

import argparse
import asyncio
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from contract.command import Stage
from contract.journal import Reason
from contract.pack import PackKind
from hub.cli.api import Api, api_of
from hub.cli.speak import say
from hub.clock import SystemClock
from hub.core.emergency import Answer, Course
from hub.errors import HubError

LOOK_S = 0.5
BULLETIN = r"^b-[0-9a-f]+$"
STAGES = {
    Stage.RECEIVED: "đã nhận / received",
    Stage.VERIFIED: "đã nhận lệnh / has the order",
    Stage.STARTED: "đang phát / on air",
    Stage.ENDED: "đã phát xong / ended",
    Stage.FAILED: "KHÔNG PHÁT / FAILED",
}
STOPPED = "đã dừng / stopped"
NOTHING_ON_AIR = "không có gì đang phát / nothing is on air"


async def start(wanted: argparse.Namespace) -> None:
    """Sounds a file, a bulletin or a warning of the pack at once; follows it as long as is asked for."""
    api = api_of(wanted.state)
    order = {
        "bulletin": _bulletin(api, wanted.what),
        "clusters": "all" if wanted.clusters == "all" else wanted.clusters.split(","),
        "mode": wanted.mode,
        "repeats": wanted.repeats,
        "gap_s": wanted.gap_s,
        "valid_s": wanted.valid_s,
    }
    made = api.ask("POST", "/api/emergencies", {"order": order, "word": wanted.word})
    say(f"{made['id']}: «{made['title']}» -> {', '.join(made['meant'])}")
    await _follow(api, made["id"], wanted.follow_s)


async def stop(wanted: argparse.Namespace) -> None:
    """Ends one emergency, or all; the order goes out even when the hub knows of none."""
    api = api_of(wanted.state)
    made = api.ask("POST", "/api/emergencies/stop", {"emergency": wanted.id})
    say(f"{made['id']}: dừng / stops {made['title'] or '-'}")
    if not made["title"] and nothing_on_air(_courses(api), SystemClock().now()):
        say(NOTHING_ON_AIR)


async def show(wanted: argparse.Namespace) -> None:
    """What each cluster made of the newest orders."""
    now = SystemClock().now()
    for course in _courses(api_of(wanted.state))[: wanted.last]:
        for line in course_lines(course, now):
            say(line)


def _bulletin(api: Api, what: str) -> str:
    """The id of what is to sound; a file is taken in first."""
    if re.match(BULLETIN, what):
        return what
    if what not in set(PackKind) and not Path(what).exists():
        kinds = ", ".join(PackKind)
        raise HubError(
            "no_file",
            f"không có tệp {what!r}, gói khẩn cấp cũng không có loại đó; các loại: {kinds}",
            f"there is no file {what!r} and no such kind in the emergency pack; kinds: {kinds}",
        )
    known: list[dict[str, Any]] = api.ask("GET", "/api/bulletins")
    if what in set(PackKind):
        found = [one["id"] for one in known if one.get("pack") == what]
        if not found:
            raise HubError(
                "no_pack",
                f"gói khẩn cấp chưa có {what!r}; hãy chạy: loaxa-hub pack make",
                f"the emergency pack has no {what!r} yet; run: loaxa-hub pack make",
            )
        return str(found[0])
    return str(api.upload(Path(what), Path(what).stem, "emergency")["id"])


def _courses(api: Api) -> list[Course]:
    return msgspec.convert(api.ask("GET", "/api/emergencies"), list[Course], strict=False)


async def _follow(api: Api, order: str, follow_s: float) -> None:
    told: set[str] = set()
    loop = asyncio.get_running_loop()
    end_s = loop.time() + follow_s
    while loop.time() < end_s:
        course = next(one for one in _courses(api) if one.id == order)
        for line in course_lines(course, SystemClock().now())[1:]:
            if line not in told:
                told.add(line)
                say(line)
        if all(_is_over(course, name) for name in course.meant):
            return
        await asyncio.sleep(LOOK_S)


def _is_over(course: Course, cluster: str) -> bool:
    answer = next((one for one in course.answers if one.cluster == cluster), None)
    return answer is not None and answer.stage in (Stage.ENDED, Stage.FAILED)


def nothing_on_air(courses: list[Course], now: datetime) -> bool:
    """Whether no emergency is open, nor sounds on past its time."""
    begun = [one for one in courses if one.what == "start" and one.ended_at is None]
    return not any(one.is_open(now) or _sounds(one) for one in begun)


def _sounds(course: Course) -> bool:
    return any(one.stage is Stage.STARTED for one in course.answers)


def course_lines(course: Course, now: datetime) -> list[str]:
    """An order and every cluster's answer, a line each; who has not answered is named."""
    lines = [f"{course.id} {course.what} {course.mode} «{course.title}» ({course.by})"]
    for name in course.meant:
        answer = course.answer_of(name)
        words = _answer_words(course, answer) if answer else _unanswered(course, now)
        lines.append(f"  {name}: {words}")
    return lines


def _answer_words(course: Course, answer: Answer) -> str:
    was_cut = answer.stage is Stage.FAILED and answer.reason == Reason.STOPPED
    if was_cut or (course.what == "stop" and answer.stage is Stage.ENDED):
        return STOPPED
    why = f" ({answer.reason})" if answer.reason else ""
    return f"{STAGES[answer.stage]}{why}"


def _unanswered(course: Course, now: datetime) -> str:
    if course.ended_at is not None:
        return "chưa trả lời; đã dừng / has not answered; stopped"
    if not course.is_open(now):
        return "hết hiệu lực, chưa trả lời / too late now, has not answered"
    return "CHƯA TRẢ LỜI / NO ANSWER YET"
