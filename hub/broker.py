"""The hub's Mosquitto: written configuration, a child that dies with the hub, started again if it dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pwd
import shutil
import signal
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from contract.codec import MAX_DESIRED_BYTES
from contract.ids import CommuneId
from contract.topics import FROM_CLUSTER, ROOT, TO_CLUSTER
from hub import refusals
from hub.broker_users import mosquitto_hash
from hub.clock import HubClock
from hub.errors import HubError
from hub.settings import split_address
from hub.state_dir import write_private

log = logging.getLogger(__name__)

HUB_USER = "hub"
START_TIMEOUT_S = 10.0
PORT_FREE_TIMEOUT_S = 2.0
STOP_TIMEOUT_S = 5.0
POLL_S = 0.05
MAX_BACK_OFF_S = 30.0
STEADY_S = 60.0
"""Running for longer than this, it is worth a quick new start."""
MAX_PACKET_BYTES = MAX_DESIRED_BYTES + 32 * 1024
NS_PER_S = 1_000_000_000
MAX_LOG_BYTES = 4 * 2**20
"""Mosquitto's log and the one before it take twice this at most, and what is said between two looks."""
LOG_LOOK_S = 60.0


class Broker:
    """Mosquitto as a child of this process. `start` it, `run` it for ever, `stop` it."""

    def __init__(
        self, folder: Path, address: str, commune: CommuneId, password: str, clock: HubClock
    ) -> None:
        self._folder = folder
        self._host, self._port = split_address(address)
        self._commune = commune
        self._password_hash = mosquitto_hash(password)
        self._clock = clock
        self._child: asyncio.subprocess.Process | None = None

    @property
    def passwords(self) -> Path:
        """Mosquitto's user file."""
        return self._folder / "passwd"

    @property
    def _log_file(self) -> Path:
        return self._folder / "mosquitto.log"

    def write_users(self, hashes: Mapping[str, str]) -> None:
        """Writes who may connect; a running Mosquitto reads it at once."""
        write_private(self._folder / "acl", acl_text(self._commune, hashes).encode())
        users = {**hashes, HUB_USER: self._password_hash}
        write_private(self.passwords, "".join(f"{n}:{h}\n" for n, h in users.items()).encode())
        self._reload()

    def bound_log(self) -> None:
        """Puts Mosquitto's log aside once it is large, over the one that was put aside before."""
        try:
            if self._log_file.stat().st_size > MAX_LOG_BYTES:
                self._log_file.replace(self._log_file.with_name("mosquitto.log.1"))
                self._reload()
        except FileNotFoundError:
            return
        except OSError as error:
            log.error("Mosquitto's log is not put aside: %s", error)

    async def start(self) -> None:
        """Starts Mosquitto and returns when it answers.

        Raises:
            HubError: It is not installed, its port is in use, or it will not run.
        """
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if program is None:
            raise HubError(
                "no_mosquitto",
                "chưa cài Mosquitto; hãy chạy: apt-get install mosquitto",
                "Mosquitto is missing; run: apt-get install mosquitto",
            )
        await self._wait_for_port()
        self._write_configuration()
        self.bound_log()
        if await self._runs(program):
            return
        if not (self._put_memory_aside() and await self._runs(program)):
            raise self._failed()

    async def _runs(self, program: str) -> bool:
        """Starts Mosquitto; False when it ends at once."""
        # The child gets SIGTERM when this process dies, however it dies: no stray broker holds the port.
        self._child = await asyncio.create_subprocess_exec(
            "setpriv", "--pdeathsig", "TERM", program, "-c", str(self._folder / "mosquitto.conf"),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is for the hub, which stops it in order
        )  # fmt: skip
        return await self._answers(self._child)

    def _put_memory_aside(self) -> bool:
        """Takes away what Mosquitto remembered, when there is something; plans and reports come again by themselves."""
        memory = self._folder / "mosquitto.db"
        if not memory.exists():
            return False
        memory.replace(self._folder / "mosquitto.db.broken")
        log.error("Mosquitto does not start with what it remembered: put aside, it begins anew")
        return True

    async def run(self) -> None:
        """Starts it again whenever it ends, for ever."""
        back_off_s = 1.0
        while True:
            began_ns = self._clock.mono_ns()
            code = await self._ended()
            if self._clock.mono_ns() - began_ns > STEADY_S * NS_PER_S:
                back_off_s = 1.0
            log.error("Mosquitto ended (%s); starting it again in %.0f s", code, back_off_s)
            await asyncio.sleep(back_off_s)
            back_off_s = min(2 * back_off_s, MAX_BACK_OFF_S)
            try:
                await self.start()
                log.warning("Mosquitto runs again")
            except (HubError, OSError) as error:
                log.error("Mosquitto does not start: %s", error)

    async def _ended(self) -> int | None:
        """The child's exit code once it has one; its log is looked at meanwhile."""
        while self._child is not None:
            try:
                async with asyncio.timeout(LOG_LOOK_S):
                    return await self._child.wait()
            except TimeoutError:
                self.bound_log()
        return None

    def _reload(self) -> None:
        """A running Mosquitto reads users and rules again, and opens its log anew."""
        if self._child is not None and self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(signal.SIGHUP)

    async def stop(self) -> None:
        """Ends it in order: what it holds is on disk."""
        child, self._child = self._child, None
        if child is None or child.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await child.wait()
        except TimeoutError:
            log.error("Mosquitto does not end; killing it")
            child.kill()
            await child.wait()

    async def _wait_for_port(self) -> None:
        deadline_ns = self._clock.mono_ns() + int(PORT_FREE_TIMEOUT_S * NS_PER_S)
        while (trouble := port_trouble(self._host, self._port)) is not None:
            if self._clock.mono_ns() > deadline_ns:
                raise trouble
            await asyncio.sleep(POLL_S)

    async def _answers(self, child: asyncio.subprocess.Process) -> bool:
        deadline_ns = self._clock.mono_ns() + int(START_TIMEOUT_S * NS_PER_S)
        while self._clock.mono_ns() < deadline_ns and child.returncode is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(self._host, self._port)
                writer.close()
                await writer.wait_closed()
                return True
            await asyncio.sleep(POLL_S)
        has_ended = child.returncode is not None
        await self.stop()
        if not has_ended:
            raise self._failed()
        return False

    def _failed(self) -> HubError:
        return HubError(
            "broker_failed",
            f"Mosquitto không chạy được; xem {self._log_file}",
            f"Mosquitto does not run; see {self._log_file}",
        )

    def _write_configuration(self) -> None:
        write_private(self._folder / "mosquitto.conf", self._configuration().encode())

    def _configuration(self) -> str:
        user = pwd.getpwuid(os.geteuid()).pw_name
        return f"""\
# Written by loaxa-hub at every start.
user {user}
listener {self._port} {self._host}
allow_anonymous false
password_file {self.passwords}
acl_file {self._folder / "acl"}
use_username_as_clientid true
persistence true
persistence_location {self._folder}/
autosave_on_changes true
autosave_interval 1
persistent_client_expiration 60d
max_packet_size {MAX_PACKET_BYTES}
max_keepalive 1200
max_inflight_messages 20
max_queued_messages 10000
max_queued_bytes 67108864
set_tcp_nodelay true
log_dest file {self._log_file}
log_timestamp_format %Y-%m-%dT%H:%M:%S
log_type error
log_type warning
log_type notice
connection_messages true
"""


def acl_text(commune: CommuneId, clusters: Iterable[str]) -> str:
    """Who may read and write what: a cluster only what is its own."""
    shared = (f"{ROOT}/{commune}/command", f"{ROOT}/{commune}/hub-state")
    lines = [f"user {HUB_USER}", f"topic readwrite {ROOT}/{commune}/#"]
    for name in clusters:
        own = f"{ROOT}/{commune}/{name}"
        lines += ["", f"user {name}"]
        lines += [f"topic read {topic}" for topic in shared]
        lines += [f"topic read {own}/{kind}" for kind in TO_CLUSTER]
        lines += [f"topic write {own}/{kind}" for kind in FROM_CLUSTER]
    return "\n".join(lines) + "\n"


def port_trouble(host: str, port: int) -> HubError | None:
    """Why nobody could listen at an address; None when somebody could."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return refusals.port_unusable(host, port, error.strerror or str(error))
    return None
