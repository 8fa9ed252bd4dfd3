"""The one file that names concrete drivers: a cabinet's devices, real or simulated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from contract.ports import CellTime, HostClock
from hardware.board import Board
from hardware.cell_time import ModemTime
from hardware.clock import SystemClock
from hardware.events import HardwareEvent
from hardware.gpio_chip import find_header_chip
from hardware.health_sysfs import MachineHealth
from hardware.key_gpio import KeySensor
from hardware.modem_power import GpioModemPower, ModemPower
from hardware.pin_error import PinError
from hardware.player import Player, PlayerEvent
from hardware.player_vlc import VlcPlayer
from hardware.relay import AmplifierRelay, GpioRelay
from hardware.simulated.wire import SOCKET_NAME
from hardware.surge_gpio import SurgeSensor


class Devices(Struct, frozen=True, kw_only=True):
    """What a cabinet offers to the agent.

    Attributes:
        cell_time: None: no modem can be asked for the time. A real cabinet has no driver for one yet.
    """

    clock: HostClock
    cell_time: CellTime | None
    amplifier: AmplifierRelay
    surge: SurgeSensor
    player: Player
    modem: ModemPower | None = None


@asynccontextmanager
async def open_devices(
    board: Board,
    *,
    simulated: Path | None,
    on_event: Callable[[HardwareEvent | PlayerEvent], None],
    on_player_progress: Callable[[], None] = lambda: None,
) -> AsyncIterator[Devices]:
    """Opens a cabinet's devices; the relay is off before anything else happens, and on every way out.

    Args:
        board: How it is wired.
        simulated: Folder of a simulated cabinet, or None for the Pi's own pins.
        on_event: Is told, in the event loop, what happens by itself.
        on_player_progress: Is told while the player is looked after.

    Raises:
        PinError: A pin cannot be driven or read.
        OSError: There is no simulated cabinet in that folder.
    """
    async with AsyncExitStack() as stack:
        clock, cell_time, factory, refresh = await _open_pins(board, simulated, on_event, stack)
        amplifier = stack.enter_context(GpioRelay(board.amplifier, factory, on_event))
        modem = stack.enter_context(GpioModemPower(board.modem, factory)) if board.modem else None
        surge = stack.enter_context(
            SurgeSensor(board.arrester, board.surge_pulse, factory, on_event)
        )
        stack.enter_context(KeySensor(board.key, factory, on_event))
        refresh()
        output = f"horn:{simulated / SOCKET_NAME}" if simulated else _sound_card(board)
        player = await stack.enter_async_context(
            VlcPlayer(output, on_event=on_event, clock=clock, on_progress=on_player_progress)
        )
        yield Devices(
            clock=clock,
            cell_time=cell_time,
            amplifier=amplifier,
            surge=surge,
            modem=modem,
            player=player,
        )


def open_health(state: Path, *, simulated: Path | None) -> MachineHealth:
    """What reads card and supply of the computer; of a simulated cabinet, its own files of the kernel.

    Args:
        state: The agent's folder on the card; what is in its `run/` is in memory on a Pi.
        simulated: Folder of a simulated cabinet, or None for this computer.
    """
    if simulated is None:
        return MachineHealth(state, state / "run")
    from hardware.simulated.machine_files import FOLDER, SAMPLE_S  # noqa: PLC0415 - as below

    return MachineHealth(state, state / "run", simulated / FOLDER, sample_s=SAMPLE_S)


def _sound_card(board: Board) -> str:
    return f"alsa:{board.sound_device}" if board.sound_device else "alsa"


def _pins_of_the_pi() -> Any:  # noqa: ANN401 - gpiozero has no types
    try:
        import lgpio  # noqa: PLC0415 - there is no gpiochip on a bench
        from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415 - as above

        return LGPIOFactory(chip=find_header_chip(lgpio))
    except PinError:
        raise
    except Exception as error:  # gpiozero and lgpio raise many kinds
        raise PinError(f"GPIO: {error}") from error


async def _open_pins(
    board: Board,
    simulated: Path | None,
    on_event: Callable[[HardwareEvent], None],
    stack: AsyncExitStack,
) -> tuple[HostClock, CellTime | None, Any, Callable[[], None]]:
    if simulated is None:
        factory = _pins_of_the_pi()
        stack.callback(factory.close)
        return SystemClock(), None, factory, lambda: None
    from hardware.simulated.pins import CabinetPins  # noqa: PLC0415 - a real cabinet needs no twin

    pins = await stack.enter_async_context(CabinetPins(simulated, board, on_event))
    return pins.clock, ModemTime(pins.modem.ask), pins.factory, pins.refresh
