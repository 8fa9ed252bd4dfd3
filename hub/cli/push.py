"""`loaxa-hub push`: upload and plan in one line, through the API of the hub that serves."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from contract.model import ZONE
from hub.cli.api import api_of
from hub.cli.speak import say
from hub.clock import SystemClock
from hub.core.local_time import planned_at
from hub.errors import HubError


async def push(wanted: argparse.Namespace) -> None:
    """Uploads a sound and plans it."""
    api = api_of(wanted.state)
    file = Path(wanted.file)
    _when(wanted)  # a mistake in the time shows before the upload
    bulletin = api.upload(file, wanted.title or file.stem, wanted.priority)
    clusters = "all" if wanted.clusters == "all" else wanted.clusters.split(",")
    order = {
        "bulletin": bulletin["id"],
        "clusters": clusters,
        "when": _when(wanted),
        "in_quiet_hours": wanted.in_quiet_hours,
    }
    slot = api.ask("POST", "/api/slots", order)
    seconds = bulletin["duration_ms"] / 1000
    names = ", ".join(slot.get("clusters_changed", []))
    say(f"{slot['id']}: {bulletin['title']} ({seconds:.1f} s) {_shown(order['when'])} -> {names}")


def _when(wanted: argparse.Namespace) -> dict[str, Any]:
    try:
        if wanted.days:
            days = sorted({int(day) for day in wanted.days.split(",")})
            return {"kind": "weekly", "days": days, "times": wanted.at.split(",")}
        at = planned_at(wanted.at, SystemClock().now())
    except ValueError as error:
        raise HubError(
            "bad_time",
            f"không hiểu giờ {wanted.at!r}: dùng now, 17:00 hoặc 2026-11-24T17:00; --days dùng 1,2,..,7",
            f"{wanted.at!r} is no time: use now, 17:00 or 2026-11-24T17:00; --days takes 1,2,..,7",
        ) from error
    return {"kind": "once", "at": at.isoformat()}


def _shown(when: dict[str, Any]) -> str:
    if when["kind"] == "weekly":
        return f"thứ/days {when['days']} {', '.join(when['times'])}"
    return f"{datetime.fromisoformat(when['at']).astimezone(ZoneInfo(ZONE)):%d/%m/%Y %H:%M:%S}"
