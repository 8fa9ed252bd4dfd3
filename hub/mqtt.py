"""aiomqtt's calls, such that being cancelled is never lost.

Python 3.11's `asyncio.wait_for`, on which aiomqtt waits, forgets a cancellation that comes in the same turn of the
loop as the answer; a task that then waits for its next work would never end.
"""

from __future__ import annotations

import asyncio

import aiomqtt


async def publish(
    client: aiomqtt.Client, topic: str, payload: bytes, *, retain: bool = False
) -> None:
    """Publishes with QoS 1 and returns when the broker has it."""
    await client.publish(topic, payload, qos=1, retain=retain)
    honour_cancellation()


async def subscribe(client: aiomqtt.Client, topic: str, *, qos: int = 1) -> None:
    """Subscribes."""
    await client.subscribe(topic, qos=qos)
    honour_cancellation()


def honour_cancellation() -> None:
    """Raises a cancellation of this task that was asked for and forgotten.

    Only for tasks that end with their task group: in Python 3.11 a failed group leaves its parent marked as cancelled.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
