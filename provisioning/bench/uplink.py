"""Ties a cluster's link to the modem of its cabinet: what the modem does not carry, the link does not."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from pathlib import Path

from hardware.simulated.wire import SOCKET_NAME, hello
from provisioning.bench.link import Link


async def follow_uplink(cabinet: Path, link: Link) -> None:
    """Follows the modem until the cabinet ends.

    Args:
        cabinet: The cabinet's folder; it is recording.
        link: Its cluster's way to the hub.
    """
    reader, writer = await asyncio.open_unix_connection(cabinet / SOCKET_NAME)
    with closing(writer):
        writer.write(hello("uplink"))
        while line := await reader.readline():
            link.set_modem(carries=bool(json.loads(line)["carries"]))
