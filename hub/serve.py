"""Serves: store, broker, link, live view and pages in one process, stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from typing import NoReturn

import uvicorn

from hub import lock, refusals
from hub.broker import Broker
from hub.clock import HubClock
from hub.compose import Parts, compose, link_of
from hub.errors import HubError
from hub.hub import Hub
from hub.link import HubLink
from hub.settings import split_address
from hub.state_dir import StateDir
from hub.store import clusters
from hub.web.app import build

log = logging.getLogger(__name__)

POLL_S = 0.02
PAGES_GOODBYE_S = 2
BACKLOG = 512


class _Pages(uvicorn.Server):
    """uvicorn, leaving the signals to us: one place decides in which order things stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield

    def stop(self) -> None:
        """Says goodbye to who is connected, then ends."""
        self.should_exit = True


async def serve(state: StateDir, clock: HubClock, ready: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT; SIGHUP takes in clusters that were added meanwhile.

    Args:
        state: The hub's state directory.
        clock: Time.
        ready: Told once the line to show when pages, API and broker answer.

    Raises:
        HubError: It cannot start.
    """
    async with AsyncExitStack() as stack:
        parts = compose(state, clock)
        stack.callback(parts.store.close)
        stack.enter_context(_signals({signal.SIGHUP: parts.users.ring}))
        stack.enter_context(lock.held(state.lock))
        listening = stack.enter_context(_listen(parts.settings.http.address))
        await parts.store.write(lambda c: parts.issuer.issue(c, clock.now()))
        await stack.enter_async_context(parts.live)
        password = secrets.token_urlsafe(32)
        broker = Broker(
            state.broker, parts.settings.mqtt.address, parts.settings.commune, password, clock
        )
        broker.write_users(await parts.store.read(clusters.mosquitto_hashes))
        stack.push_async_callback(broker.stop)
        await broker.start()
        hub = _hub(parts, link_of(parts, password))
        await _run(hub, parts, broker, listening, ready)


def _hub(parts: Parts, link: HubLink) -> Hub:
    return Hub(
        settings=parts.settings,
        state=parts.state,
        clock=parts.clock,
        store=parts.store,
        live=parts.live,
        operations=parts.operations,
        link=link,
        signer=parts.signer,
        local_token=parts.state.read_local_token(),
        started_at=parts.clock.now(),
    )


async def _run(
    hub: Hub, parts: Parts, broker: Broker, listening: socket.socket, ready: Callable[[str], None]
) -> None:
    pages = _Pages(
        uvicorn.Config(
            build(hub),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=PAGES_GOODBYE_S,
        )
    )
    async with asyncio.TaskGroup() as tasks:
        with _signals({signal.SIGTERM: pages.stop, signal.SIGINT: pages.stop}):
            background = [
                tasks.create_task(broker.run()),
                tasks.create_task(hub.live.run()),
                tasks.create_task(hub.link.run()),
                tasks.create_task(_take_in_users(parts, broker)),
                tasks.create_task(hub.operations.backups.run()),
                tasks.create_task(_announce(hub, pages, ready)),
            ]
            await pages.serve(sockets=[listening])
        log.info("stopping")
        for task in background:
            task.cancel()
    if not pages.started:
        raise HubError("no_pages", "trang web không chạy được", "the pages do not start")


@contextmanager
def _signals(handlers: Mapping[signal.Signals, Callable[[], None]]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for name, handler in handlers.items():
        loop.add_signal_handler(name, handler)
    try:
        yield
    finally:
        for name in handlers:
            loop.remove_signal_handler(name)


async def _announce(hub: Hub, pages: uvicorn.Server, ready: Callable[[str], None]) -> None:
    await hub.link.wait_up()
    while not pages.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(POLL_S)
    ready(f"loaxa-hub: ready at http://{hub.settings.http.address}")


async def _take_in_users(parts: Parts, broker: Broker) -> NoReturn:
    while True:
        await parts.users.wait()
        try:
            hashes = await parts.store.read(clusters.mosquitto_hashes)
            broker.write_users(hashes)
        except (HubError, OSError) as error:
            log.error("the broker's users are not taken in: %s", error)
            continue
        log.info("the broker knows %d clusters", len(hashes))
        parts.outbox.ring()
        for one in await parts.operations.clusters.everyone():
            await parts.live.changed(one.name)


@contextmanager
def _listen(address: str) -> Iterator[socket.socket]:
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise refusals.port_unusable(host, port, error.strerror or str(error)) from error
        listening.listen(BACKLOG)
        listening.settimeout(0)
        yield listening
