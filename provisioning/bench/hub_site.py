"""The rig's hub: made once in a folder, served, killed and served again."""

from __future__ import annotations

import os
import re
from pathlib import Path

from provisioning.bench.errors import BenchError
from provisioning.bench.hub_api import HubApi
from provisioning.bench.processes import Child, python_module, run_to_end, until
from provisioning.bench.scenario import COMMUNE

READY = "loaxa-hub: ready"
READY_TIMEOUT_S = 60.0
GONE_TIMEOUT_S = 10.0
USER = "can-bo"


class HubSite:
    """A hub in a folder.

    Args:
        state: Its state directory.
        log: What it says goes there.
        http: HOST:PORT of pages and sounds.
        mqtt: HOST:PORT of its broker.
    """

    def __init__(self, state: Path, log: Path, *, http: str, mqtt: str) -> None:
        self._state = state
        self._log = log
        self._read_from = 0
        self._http = http
        self._mqtt = mqtt
        self._child = Child("the hub", python_module("hub.app", "serve", "--state", state), log)
        self.api = HubApi(http, state / "local.token")

    @property
    def state(self) -> Path:
        """Its state directory."""
        return self._state

    @property
    def url(self) -> str:
        """Where people find it."""
        return f"http://{self._http}"

    @property
    def http(self) -> tuple[str, int]:
        """Host and port of pages and sounds."""
        return _split(self._http)

    @property
    def mqtt(self) -> tuple[str, int]:
        """Host and port of the broker."""
        return _split(self._mqtt)

    @property
    def process_id(self) -> int | None:
        """Its process id while it runs."""
        return self._child.process_id

    async def make(self, *, quiet_hours: tuple[str, ...], password: str) -> None:
        """Makes it, unless the folder holds one; sets addresses and quiet hours anew either way."""
        settings = self._state / "hub.toml"
        if not settings.exists():
            secret = self._state.parent / "first-password"
            secret.touch(mode=0o600)
            secret.write_text(password + "\n", encoding="utf-8")
            command = python_module(
                "hub.app", "init", "--state", self._state, "--commune", COMMUNE,
                "--name", "Xã Bình Lư", "--user", USER, "--http", self._http, "--mqtt", self._mqtt,
                "--no-quiet-hours", "--password-file", secret,
                "--recovery-key", self._state.parent / "recovery.key",
            )  # fmt: skip
            await run_to_end("loaxa-hub init", command)
        text = settings.read_text(encoding="utf-8")
        for table, address in (("http", self._http), ("mqtt", self._mqtt)):
            text = re.sub(rf'(\[{table}\]\naddress = )"[^"]*"', rf'\1"{address}"', text)
        windows = ", ".join(f'"{window}"' for window in quiet_hours)
        text = re.sub(r"(?m)^quiet_hours = .*$", f"quiet_hours = [{windows}]", text)
        settings.write_text(text, encoding="utf-8")

    async def add_cluster(self, name: str, title: str, out: Path, *, board: str) -> None:
        """Makes a cluster known; its configuration goes to `out`."""
        command = python_module(
            "hub.app", "cluster", "add", name, "--state", self._state, "--title", title,
            "--out", out, "--board", board,
        )  # fmt: skip
        await run_to_end(f"loaxa-hub cluster add {name}", command)

    async def start(self) -> None:
        """Starts to serve; `until_ready` waits for it."""
        self._read_from = self._log.stat().st_size if self._log.exists() else 0
        await self._child.start()

    async def until_ready(self) -> None:
        """Waits for its ready line.

        Raises:
            BenchError: It ended, with its last line, or does not get ready.
        """

        async def is_ready() -> bool:
            self.check()
            with self._log.open("rb") as log:
                log.seek(self._read_from)
                return READY.encode() in log.read()

        await until(is_ready, "the hub", timeout_s=READY_TIMEOUT_S)

    def check(self) -> None:
        """Raises when it has ended by itself.

        Raises:
            BenchError: With its last line.
        """
        self._child.check()

    def broker_ids(self) -> list[int]:
        """Process ids of Mosquitto running on this hub's configuration."""
        return find_processes(str(self._state / "broker" / "mosquitto.conf"))

    async def kill(self) -> None:
        """SIGKILL to the hub alone, and waits until its Mosquitto is gone too.

        Raises:
            BenchError: A stray Mosquitto stays.
        """
        await self._child.kill()

        async def is_gone() -> bool:
            return not self.broker_ids()

        await until(is_gone, "the killed hub's Mosquitto to end", timeout_s=GONE_TIMEOUT_S)

    async def back_up(self) -> None:
        """Makes a backup, while it serves or not.

        Raises:
            BenchError: It was refused.
        """
        command = python_module("hub.app", "backup", "--state", self._state)
        await run_to_end("loaxa-hub backup", command)

    async def restore(self) -> None:
        """Kills it, puts the last backup in its place, and starts it again.

        Raises:
            BenchError: There is no backup, or it was refused.
        """
        found = sorted((self._state / "backups").glob("*.tar.gz"))
        if not found:
            raise BenchError("hub_restore: no hub_backup came before it")
        await self.kill()
        command = python_module("hub.app", "restore", "--over", "--state", self._state, found[-1])
        await run_to_end("loaxa-hub restore", command)
        await self.start()

    async def stop(self) -> None:
        """Ends it in order."""
        await self._child.stop()


def find_processes(argument: str) -> list[int]:
    """Process ids that have an argument."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if argument.encode() in words:
                found.append(int(folder.name))
    return found


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise BenchError(f"{address}: is not HOST:PORT")
    return host, int(port)
