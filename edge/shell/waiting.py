"""Waiting such that being cancelled is never lost.

Python 3.11's `asyncio.wait_for`, on which aiomqtt waits too, forgets a cancellation that comes in the same turn of the
loop as the answer; a task that then waits for its next work would never end, and with it the agent. `asyncio.timeout`
does not.
"""

from __future__ import annotations

import asyncio


async def comes(event: asyncio.Event, patience_s: float) -> bool:
    """Waits for an event, but not longer; whether it came."""
    try:
        async with asyncio.timeout(patience_s):
            await event.wait()
    except TimeoutError:
        return False
    return True


def honour_cancellation() -> None:
    """Raises a cancellation of this task that was asked for and forgotten.

    Only for tasks that end with the agent: one that was cancelled at any time is to end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
