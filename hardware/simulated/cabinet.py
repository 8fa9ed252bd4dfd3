"""A simulated cabinet as a process of its own: it outlives a killed agent, records its horn and logs its pins."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from hardware.clock import SystemClock
from hardware.simulated.horn import Horn, Samples
from hardware.simulated.machine_files import FOLDER, MachineFiles
from hardware.simulated.recorder import WavRecorder
from hardware.simulated.uplink import Uplink
from hardware.simulated.wire import (
    CARD_IS_SILENT,
    CARD_SOUNDS,
    FRAME,
    RATE,
    SOCKET_NAME,
    FrameKind,
)

log = logging.getLogger(__name__)

BEHIND_NS = 2_000_000_000
"""The recording runs so far behind the present, so that sound sent ahead finds its place."""
WRITE_EVERY_S = 0.3
AMPLIFIER, MODEM = "amp", "modem"
WEAK_RTC_S = 946_684_800
"""What an RTC says whose battery is empty: 2000-01-01, in seconds since the epoch."""
Facts = dict[str, Any]
NEW_CONTACTS = {"spd_ok": 1, "surge_pulse": 0, "key_turned": 0, "key_rest": 1, "key_stop": 0}
"""Contacts of a whole cabinet: 1 is closed."""
NEW_CLOCK: Facts = {
    "offset_s": 0.0,
    "synchronised": True,
    "rtc": True,
    "rtc_weak": False,
    "cell_offset_s": None,
    "boot": 0,
}
"""A cabinet's clock: its error against the host's time, whether NTP holds it, whether it has an RTC and whether that
has lost its time, the error of the cell network's time (None: it gives none), how often the machine has started."""


class Cabinet:
    """Pins, horn and clock of one cluster, steered from outside."""

    def __init__(self, folder: Path, *, warm_up_s: float, clock: SystemClock) -> None:
        self._folder = folder
        self._clock = clock
        self._epoch_over_mono_ns = clock.epoch_ns() - clock.mono_ns()
        self._first_ns = clock.mono_ns()
        self._horn = Horn(self._first_ns, warm_up_s)
        self._outputs: dict[str, int] = {}
        self._inputs: dict[str, int] = {**NEW_CONTACTS}
        self._clock_state: Facts = dict(NEW_CLOCK)
        self._uplink = Uplink()
        self._cut_ns = 0
        self._machine = MachineFiles(folder / FOLDER)
        self._powered = True
        self._agent: asyncio.StreamWriter | None = None
        self._player: asyncio.StreamWriter | None = None
        self._card_is_silent = False
        self._until_restart = False
        self._finish = asyncio.Event()
        self._written = asyncio.Event()

    async def run(self) -> None:
        """Serves and records until it is told to finish."""
        self._machine.lay_out()
        socket_path = self._folder / SOCKET_NAME
        binding = socket_path.with_suffix(".binding")
        for path in (socket_path, binding):
            path.unlink(missing_ok=True)
        self._say_when_it_began()
        server = await asyncio.start_unix_server(self._serve, binding)
        binding.rename(socket_path)  # who sees the socket can connect
        with (self._folder / "pins.jsonl").open("w", buffering=1) as self._pins_log:
            with WavRecorder(self._folder / "horn.wav", RATE) as recorder:
                await self._record(recorder)
            self._written.set()
            server.close()
            await asyncio.sleep(0)

    def _say_when_it_began(self) -> None:
        first_ns = self._first_ns + self._epoch_over_mono_ns
        text = json.dumps({"first_sample_ns": first_ns, "rate": RATE})
        (self._folder / "horn.json").write_text(text + "\n")

    _pins_log: TextIO

    async def _record(self, recorder: WavRecorder) -> None:
        turns = 0
        while not self._finish.is_set():
            try:
                await asyncio.wait_for(self._finish.wait(), WRITE_EVERY_S)
            except TimeoutError:
                turns += 1
            recorder.write(self._horn.advance(self._clock.mono_ns() - BEHIND_NS).tobytes())
            if turns % 10 == 0:
                recorder.mend_header()
        recorder.write(self._horn.advance(self._clock.mono_ns()).tobytes())

    def finish(self) -> None:
        """Ends the recording."""
        self._finish.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            role = json.loads(await reader.readline()).get("role")
            match role:
                case "pins":
                    await self._serve_agent(reader, writer)
                case "sound":
                    await self._serve_player(reader, writer)
                case "uplink":
                    await self._uplink.serve(reader, writer)
                case "world":
                    await self._serve_world(reader, writer)
                case _:
                    log.warning("a connection for %r, which nobody knows", role)
        except asyncio.CancelledError:
            log.debug("the cabinet ends")
        except (
            ConnectionError,
            asyncio.IncompleteReadError,
            json.JSONDecodeError,
            AttributeError,
        ) as error:
            log.debug("connection over: %s", error)
        finally:
            writer.close()

    # The agent's pins

    async def _serve_agent(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if not self._powered:
            return
        if self._agent is not None:
            self._agent.close()
        self._agent = writer
        for pin, level in self._inputs.items():
            self._tell_agent({"pin": pin, "level": level})
        self._tell_agent({"clock": self._clock_state})
        while line := await reader.readline():
            fact = json.loads(line)
            if self._powered:
                self._drive(fact["pin"], int(fact["level"]), int(fact["t_ns"]))
        if self._agent is writer:
            self._agent = None

    def _tell_agent(self, fact: Facts) -> None:
        if self._agent is not None and not self._agent.is_closing():
            self._agent.write(json.dumps(fact).encode() + b"\n")

    def _drive(self, pin: str, level: int, t_ns: int) -> None:
        if self._outputs.get(pin) == level:
            return
        self._outputs[pin] = level
        self._pins_log.write(json.dumps({"t_ns": t_ns, "pin": pin, "level": level}) + "\n")
        if pin == AMPLIFIER:
            self._horn.switch_amplifier(t_ns - self._epoch_over_mono_ns, on=bool(level))
        if pin == MODEM:
            self._uplink.supply(on=not level)

    # The player's sound

    async def _serve_player(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if not self._powered:
            return
        self._player = writer
        if self._until_restart:
            self._card_is_silent = False
        self._tell_player()
        try:
            while True:
                kind, voice, mono_ns, out_ns, gain, length = FRAME.unpack(
                    await reader.readexactly(FRAME.size)
                )
                samples = await reader.readexactly(length)
                if kind == FrameKind.BLOCK:
                    block = scaled(np.frombuffer(samples, np.int16), gain)
                    self._horn.feed(voice, mono_ns, block, put_out_ns=out_ns)
                else:
                    self._horn.cut(voice, mono_ns)
        finally:
            self._horn.cut_all(self._clock.mono_ns())

    def _tell_player(self) -> None:
        """A new player's card sounds unless it is told."""
        if self._player is not None and not self._player.is_closing():
            self._player.write(CARD_IS_SILENT if self._card_is_silent else CARD_SOUNDS)

    # The world's hand

    async def _serve_world(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        verbs: dict[str, Callable[[Facts], Facts]] = {
            "set_input": self._set_input,
            "pulse": self._pulse,
            "clock": self._set_clock,
            "power": self._set_power,
            "amp_dead": self._set_amplifier_dead,
            "modem_hang": self._hang_modem,
            "machine": self._set_machine,
            "card_silent": self._set_card_silent,
            "state": self._state,
        }
        while line := await reader.readline():
            asked = json.loads(line)
            if asked.get("do") == "finish":
                self.finish()
                await self._written.wait()
                writer.write(
                    json.dumps({"ok": True, "samples": self._horn.written}).encode() + b"\n"
                )
                return
            verb = verbs.get(asked.get("do"))
            answer = verb(asked) if verb else {"error": f"unknown: {asked.get('do')}"}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()

    def _set_input(self, asked: Facts) -> Facts:
        pin = asked.get("pin")
        if pin not in self._inputs:
            return {"error": f"no contact is called {pin!r}, there are: {', '.join(self._inputs)}"}
        self._inputs[pin] = int(asked["level"])
        self._tell_agent({"pin": pin, "level": self._inputs[pin]})
        return {"ok": True}

    def _pulse(self, asked: Facts) -> Facts:
        pin = asked.get("pin")
        answer = self._set_input({"pin": pin, "level": 1})
        if "error" not in answer:
            width_s = asked.get("width_ms", 50) / 1000
            down = {"pin": pin, "level": 0}
            asyncio.get_running_loop().call_later(width_s, self._set_input, down)
        return answer

    def _set_clock(self, asked: Facts) -> Facts:
        if unknown := set(asked) - set(self._clock_state) - {"do"}:
            return {"error": f"a clock has no {', '.join(sorted(unknown))}"}
        self._clock_state |= {name: asked[name] for name in self._clock_state if name in asked}
        self._tell_agent({"clock": self._clock_state})
        return {"ok": True}

    def _set_power(self, asked: Facts) -> Facts:
        was_powered, self._powered = self._powered, bool(asked["on"])
        if was_powered and not self._powered:
            self._cut_ns = self._clock.epoch_ns()
        if self._powered and not was_powered:
            self._start_clock()
            self._machine.start()
        if not self._powered:
            for pin in list(self._outputs):
                self._drive(pin, 0, self._clock.epoch_ns())
            for connection in (self._agent, self._player):
                if connection is not None:
                    connection.close()
        return {"ok": True}

    def _set_machine(self, asked: Facts) -> Facts:
        facts = {name: value for name, value in asked.items() if name != "do"}
        if unknown := set(facts) - set(self._machine.facts):
            return {"error": f"a computer has no {', '.join(sorted(unknown))}"}
        self._machine.set(**facts)
        return {"ok": True}

    def _start_clock(self) -> None:
        """A machine that gets power: an RTC has gone on, without one time stood still, as systemd saves it."""
        state, now_ns = self._clock_state, self._clock.epoch_ns()
        if state["rtc"] and state["rtc_weak"]:
            state["offset_s"] = WEAK_RTC_S - now_ns / 1e9
        elif not state["rtc"]:
            state["offset_s"] -= (now_ns - self._cut_ns) / 1e9
        state["synchronised"] = False
        state["boot"] += 1

    def _set_amplifier_dead(self, asked: Facts) -> Facts:
        self._horn.set_dead(dead=bool(asked["dead"]))
        return {"ok": True}

    def _hang_modem(self, asked: Facts) -> Facts:
        self._uplink.hang(float(asked["boot_s"]))
        return {"ok": True}

    def _set_card_silent(self, asked: Facts) -> Facts:
        self._card_is_silent = bool(asked["silent"])
        self._until_restart = bool(asked["until_restart"])
        self._tell_player()
        return {"ok": True}

    def _state(self, _asked: Facts) -> Facts:
        return {
            "pins": self._outputs,
            "inputs": self._inputs,
            "clock": self._clock_state,
            "powered": self._powered,
        }


def scaled(block: Samples, gain: float) -> Samples:
    """Softer samples; at full volume they stay what they are."""
    return block if gain == 1.0 else np.round(block * np.float32(gain)).astype(np.int16)


async def _main(folder: Path, warm_up_s: float) -> None:
    cabinet = Cabinet(folder, warm_up_s=warm_up_s, clock=SystemClock())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, cabinet.finish)
    await cabinet.run()


def main() -> None:
    """Runs one cabinet in its folder."""
    parser = argparse.ArgumentParser(prog="python -m hardware.simulated.cabinet")
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument(
        "--cluster", required=True, help="whose cabinet this is (shown in the process list)"
    )
    parser.add_argument("--warm-up-s", type=float, default=2.0)
    options = parser.parse_args()
    options.dir.mkdir(parents=True, exist_ok=True)
    asyncio.run(_main(options.dir, options.warm_up_s))


if __name__ == "__main__":
    main()
