"""One simulated cluster of the rig: its cabinet, its link and its agent."""

from __future__ import annotations

import random
import re
from contextlib import suppress
from pathlib import Path

import psutil

from hardware.board import Board
from hardware.simulated.card import Card, built
from provisioning.bench.errors import BenchError
from provisioning.bench.link import Link
from provisioning.bench.processes import Child, python_module, run_to_end, until

CABINET_TIMEOUT_S = 30.0
PLAYER = "hardware.player_worker"
RECORDED = ("horn.wav", "horn.json", "pins.jsonl", "edge.log", "journal.jsonl")


class ClusterSite:
    """A cluster in a folder.

    Args:
        name: Its name.
        folder: Takes what it records.
        state: Takes what it keeps: configuration and the agent's store.
        short: A short path to `folder`, since a Unix socket's path may not be long.
        link: Its way to the hub.
        board: Which kind of cabinet it is.
    """

    def __init__(
        self, name: str, folder: Path, *, state: Path, short: Path, link: Link, board: Board
    ) -> None:
        self.name = name
        self.folder = folder
        self.short = short
        self.link = link
        self.board = board
        self.config = state / "edge.toml"
        self.store = state / "store"
        self._cabinet = Child(
            f"{name}'s cabinet",
            python_module(
                "hardware.simulated.cabinet",
                "--dir",
                short,
                "--cluster",
                name,
                "--warm-up-s",
                str(board.warm_up_s),
            ),
            folder / "cabinet.log",
        )
        program = python_module(
            "edge.app", "run", "--config", self.config, "--state", self.store,
            "--simulated", short,
        )  # fmt: skip
        self._card = Card(self.store, state / "card") if built() else None
        self._card_is_new = True
        self._agent = Child(
            f"{name}'s agent",
            self._card.command(program) if self._card else program,
            folder / "edge.log",
        )

    @property
    def agent_id(self) -> int | None:
        """The agent's process id while it runs."""
        return self._agent.process_id

    def check(self) -> None:
        """Raises when the cabinet has ended by itself.

        Raises:
            BenchError: With its last line.
        """
        self._cabinet.check()

    def check_agent(self) -> None:
        """Raises when the agent has ended by itself.

        Raises:
            BenchError: With its last line.
        """
        self._agent.check()

    async def start_cabinet(self) -> None:
        """Starts the cabinet: recording begins."""
        (self.folder / "cabinet.sock").unlink(missing_ok=True)
        (self.folder / "horn.json").unlink(missing_ok=True)
        await self._cabinet.start()

    async def until_recording(self) -> None:
        """Waits until the cabinet answers."""

        async def is_there() -> bool:
            self.check()
            return (self.folder / "cabinet.sock").exists() and (self.folder / "horn.json").exists()

        await until(is_there, f"{self.name}'s cabinet", timeout_s=CABINET_TIMEOUT_S)

    def point_at_link(self) -> None:
        """Writes the link's present ports into the agent's configuration."""
        point_at(self.config, self.link.mqtt_address, self.link.media_url)

    def set_modem(self, cycle_after_s: float | None) -> None:
        """Writes after how long without link the modem is cycled; None: as usual."""
        is_set = cycle_after_s is not None
        self._set_table(
            "modem", f"cycle_after_s = {cycle_after_s}\noff_s = 3.0\n" if is_set else ""
        )

    def set_scrub(self, every_s: float | None) -> None:
        """Writes how often each sound on the card is read again; None: as usual."""
        is_set = every_s is not None
        self._set_table("card", f"scrub_every_h = {(every_s or 0) / 3600:.9f}\n" if is_set else "")

    def _set_table(self, name: str, lines: str) -> None:
        """Puts a table into the agent's configuration in place of the one that it had."""
        text = self.config.read_text(encoding="utf-8")
        text = re.sub(rf"\n\[{name}\]\n[^\[]*", "", text)
        if lines:
            text += f"\n[{name}]\n{lines}"
        self.config.write_text(text, encoding="utf-8")

    async def start_agent(self) -> None:
        """Starts the agent."""
        if self.agent_id is not None:
            return
        if self._card is not None and self._card_is_new:
            self._card.lay_out()
            self._card_is_new = False
        await self._agent.start()

    async def kill_agent(self) -> None:
        """SIGKILL to the agent and its player; then what systemd's ExecStopPost does."""
        await self._agent.kill_group()
        command = python_module(
            "hardware.relays_off", "--board", self.board.name, "--simulated", str(self.short)
        )
        await run_to_end(f"relays_off on {self.name}", command)

    def freeze_player(self) -> None:
        """SIGSTOP to the player's process.

        Raises:
            BenchError: There is none.
        """
        for child in (
            psutil.Process(self.agent_id).children(recursive=True) if self.agent_id else ()
        ):
            with suppress(psutil.NoSuchProcess):
                if PLAYER in child.cmdline():
                    child.suspend()
                    return
        raise BenchError(f"{self.name}: has no player")

    async def lose_power(self, dice: random.Random, *, torn: bool) -> None:
        """SIGKILL to the agent and its player; nothing runs after it, and the card forgets.

        Args:
            dice: Chooses among all that the card could hold.
            torn: Writes may be lost in part.
        """
        await self._agent.kill_group()
        if self._card is not None:
            lost = self._card.lose_power(dice, torn=torn)
            with (self.folder / "card.log").open("a", encoding="utf-8") as log:
                log.writelines(f"power cut: {line}\n" for line in lost or ["nothing was lost"])

    def change_card(self, **faults: int | bool) -> None:
        """Makes the card of the store so from now on (`CardFaults`).

        Raises:
            BenchError: The simulated card is not built.
        """
        if self._card is None:
            raise BenchError("the simulated card is not built; run: scripts/setup bench")
        self._card.change_faults(**faults)

    async def stop_agent(self) -> None:
        """Ends the agent in order."""
        await self._agent.stop()

    async def stop_cabinet(self) -> None:
        """Ends the recording in order."""
        await self._cabinet.stop()


def point_at(config: Path, mqtt_address: str, media_url: str) -> None:
    """Writes where the hub is found into an agent's configuration.

    Raises:
        BenchError: The configuration cannot be read.
    """
    try:
        text = config.read_text(encoding="utf-8")
    except OSError as error:
        raise BenchError(f"{config}: cannot be read: {error.strerror}") from error
    host, _, port = mqtt_address.rpartition(":")
    for key, value in (
        ("mqtt_host", f'"{host}"'),
        ("mqtt_port", port),
        ("media_url", f'"{media_url}"'),
    ):
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
    config.write_text(text, encoding="utf-8")
