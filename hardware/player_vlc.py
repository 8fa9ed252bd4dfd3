"""The player that the agent holds: a warm VLC process behind a pipe, replaced when it dies or stops answering."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

import msgspec

from contract.ports import Clock
from hardware.player import Failed, HeardOut, PlayerEvent, Progress, Ready

log = logging.getLogger(__name__)

RECYCLE_AFTER = 50
"""Items after which an idle worker is replaced: libvlc leaks a little on long runs."""
STALL_S = 5.0
"""A sound that is due to be heard and says nothing for so long is stuck."""
START_S = 30.0
"""A worker gets so long to be ready: a small Pi loads VLC's plug-ins from a slow card, which takes up to 15 s."""
RESTART_PAUSES_S = (0.2, 1.0, 5.0, 30.0)
LINE_LIMIT = 64 * 1024


class VlcPlayer:
    """Implements `hardware.player.Player`; use it with `async with`.

    Should its keeper end by a fault that nobody foresaw, the block is cancelled and the fault raised from it: an agent
    without a player must not go on as if it had one.

    Args:
        output: Where the sound goes: `alsa`, `alsa:DEVICE` or `horn:SOCKET`.
        on_event: Is told every event, in the event loop.
        clock: For noticing that a sound is stuck.
        on_progress: Is told whenever the keeper looks at the worker: at least every `STALL_S` while there is one.
    """

    def __init__(
        self,
        output: str,
        *,
        on_event: Callable[[PlayerEvent], None],
        clock: Clock,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_progress = on_progress
        self._output = output
        self._on_event = on_event
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None
        self._tasks = asyncio.TaskGroup()
        self._keeper: asyncio.Task[None] | None = None
        self._began_ns = 0
        self._held: dict[str, int] = {}
        self._positions_ms: dict[str, int] = {}
        self._restart_why: str | None = None
        self._served = 0
        self._failures = 0
        self._ready = asyncio.Event()
        self._waiting: list[dict[str, str | int]] = []
        self._decoder = msgspec.json.Decoder(PlayerEvent)

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._keeper = self._tasks.create_task(self._keep(), name="player")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
        if error is None or isinstance(error, asyncio.CancelledError):
            await self._tasks.__aexit__(kind, error, tb)
        else:  # a fault of the block is not the keeper's: it goes on as it is, in no group
            await self._tasks.__aexit__(None, None, None)

    @property
    def is_ready(self) -> bool:
        """Whether a worker waits for work."""
        return self._ready.is_set()

    @property
    def process_id(self) -> int | None:
        """The worker, when one is there."""
        return self._process.pid if self._process else None

    async def prepare(self, item: str, path: str, *, offset_ms: int, volume_pct: int) -> None:
        """Opens a sound; `Prepared` or `Failed` follows."""
        self._held[item] = self._clock.mono_ns()
        self._served += 1
        self._tell(do="prepare", item=item, path=path, offset_ms=offset_ms, volume_pct=volume_pct)

    def start_at(self, item: str, mono_ns: int) -> None:
        """Lets a prepared sound go at its instant."""
        if item in self._held:
            self._held[item] = max(mono_ns, self._clock.mono_ns())
            self._tell(do="start", item=item, mono_ns=mono_ns)

    def stop(self, item: str) -> None:
        """Silences a sound, or forgets it."""
        if self._held.pop(item, None) is not None:
            self._tell(do="stop", item=item)

    def restart(self, why: str) -> None:
        """Ends the worker; another one starts by itself. What it held is forgotten, and nothing said of it."""
        self._held.clear()
        self._waiting.clear()
        if self._process is not None:
            self._restart_why = why
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._ready.clear()

    def _tell(self, **command: str | int) -> None:
        """Tells the worker, or keeps it until the worker that starts just now is ready."""
        pipe = self._process.stdin if self._process else None
        if pipe is None or pipe.is_closing() or not self._ready.is_set():
            self._waiting.append(command)
            return
        pipe.write(msgspec.json.encode(command) + b"\n")

    def _tell_what_waited(self) -> None:
        waited, self._waiting = self._waiting, []
        for command in waited:
            if command["item"] in self._held:
                item = str(command["item"])
                self._held[item] = max(self._held[item], self._clock.mono_ns())
                self._tell(**command)

    def _fail(self, item: str, why: str) -> None:
        if self._held.pop(item, None) is not None:
            self._on_event(Failed(item=item, why=why))

    # The worker's life

    async def _keep(self) -> None:
        """Keeps a worker for ever."""
        while True:
            self._on_progress()
            why = await self._live_once()
            pause_s = RESTART_PAUSES_S[min(self._failures, len(RESTART_PAUSES_S) - 1)]
            if why != "recycled":
                self._failures += 1
                log.warning("player: %s; a new one starts in %s s", why, pause_s)
                await asyncio.sleep(pause_s)

    async def _live_once(self) -> str:
        command = (sys.executable, "-m", "hardware.player_worker", "--output", self._output)
        pipe = asyncio.subprocess.PIPE
        self._began_ns = self._clock.mono_ns()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=pipe, stdout=pipe, limit=LINE_LIMIT
            )
        except OSError as error:  # no memory, no file handles: they may come back
            return self._lose(f"the player process cannot be started ({error})")
        self._served = 0
        try:
            return self._lose(await self._listen(self._process))
        finally:
            self._ready.clear()
            await self._end(self._process)
            self._process = None

    def _lose(self, why: str) -> str:
        """What the worker held has failed with it, before anybody can see that no worker is there."""
        asked, self._restart_why = self._restart_why, None
        if asked is not None:  # what is held by now is for the next worker
            return asked
        self._waiting.clear()
        for item in list(self._held):
            self._fail(item, why)
        return why

    async def _listen(self, process: asyncio.subprocess.Process) -> str:
        assert process.stdout is not None  # noqa: S101 - asked for above
        while True:
            self._on_progress()
            try:
                # Not `wait_for`: in Python 3.11 it can forget that the task is to end.
                async with asyncio.timeout(STALL_S):
                    line = await process.stdout.readline()
            except TimeoutError:
                if why := self._is_stuck():
                    return why
                continue
            except (OSError, ValueError) as error:
                return f"the player process cannot be understood ({error})"
            if not line:
                return "the player process ended"
            self._hear(line)
            if self._served >= RECYCLE_AFTER and not self._held:
                return "recycled"
            if why := self._is_stuck():
                return why

    def _is_stuck(self) -> str | None:
        now_ns = self._clock.mono_ns()
        if not self._ready.is_set():  # what is held waits for it, and is not stuck
            is_late = now_ns - self._began_ns > START_S * 1e9
            return f"the player process is not ready after {START_S:.0f} s" if is_late else None
        limit_ns = now_ns - round(STALL_S * 1e9)
        stuck = [item for item, heard_ns in self._held.items() if heard_ns < limit_ns]
        return f"no sign of life from {stuck[0]}" if stuck else None

    def _hear(self, line: bytes) -> None:
        try:
            said = self._decoder.decode(line)
        except msgspec.MsgspecError as error:
            log.warning("player said what nobody understands: %s", error)
            return
        match said:
            case Ready():
                self._failures = 0
                self._ready.set()
                self._tell_what_waited()
            case _ if said.item not in self._held:
                return
            case HeardOut() | Failed():
                del self._held[said.item]
            case Progress() if said.position_ms == self._positions_ms.get(said.item):
                pass  # a position that does not go on is no sign of life
            case _:
                self._held[said.item] = max(self._held[said.item], self._clock.mono_ns())
        self._note_position(said)
        self._on_event(said)

    def _note_position(self, said: PlayerEvent) -> None:
        self._positions_ms = {k: v for k, v in self._positions_ms.items() if k in self._held}
        if isinstance(said, Progress):
            self._positions_ms[said.item] = said.position_ms

    @staticmethod
    async def _end(process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
