"""Boards as data: which pin drives or reads what, and the times that belong to the wiring."""

from __future__ import annotations

import difflib

from msgspec import Struct

from contract.policy import AMPLIFIER_HOLD_S, AMPLIFIER_WARM_UP_S


class BoardError(ValueError):
    """There is no such board."""


class RelayPin(Struct, frozen=True, kw_only=True):
    """One relay. Its wiring rests at off when the pin floats.

    Attributes:
        gpio: BCM number of the pin.
        max_on_s: The guard switches it off after so long, whatever the program wants.
    """

    name: str
    gpio: int
    active_high: bool = True
    max_on_s: float = 5 * 3600.0

    @property
    def off_level(self) -> int:
        """Level of its pin at rest."""
        return 0 if self.active_high else 1


class InputPin(Struct, frozen=True, kw_only=True):
    """One contact against ground, pulled up: closed reads low.

    Attributes:
        debounce_s: Shorter changes are contact bounce.
    """

    name: str
    gpio: int
    debounce_s: float


class KeyPins(Struct, frozen=True, kw_only=True):
    """The cabinet's key: a changeover contact on two pins, and the contact of its stop position.

    Attributes:
        turned: Closes as the key is turned to sound.
        rest: Opens as it is turned; closed while the key rests.
    """

    turned: InputPin
    rest: InputPin
    stop: InputPin

    @property
    def all(self) -> tuple[InputPin, InputPin, InputPin]:
        """Every contact, in the order of the fields."""
        return (self.turned, self.rest, self.stop)


class Board(Struct, frozen=True, kw_only=True):
    """One kind of cabinet.

    Attributes:
        amplifier: The relay that lets sound out: an amplifier's supply, or an FM transmitter's key.
        arrester: Remote contact of the surge arrester, wired as a normally closed loop: open is failed or cut.
        surge_pulse: Surge counter's dry contact: closes for a moment at each surge.
        key: The cabinet's key; one that is not fitted leaves all its contacts open.
        warm_up_s: From switching on to full sound (a transmitter: until its carrier stands).
        modem: The relay that takes the modem's supply away, where there is one. The modem hangs on its normally closed
            contact: switched off, let go or floating, the modem has power. So it never stays off by itself.
        sound_device: ALSA device of the loudspeaker or of the transmitter's line input.
    """

    name: str
    amplifier: RelayPin
    arrester: InputPin
    surge_pulse: InputPin
    key: KeyPins
    modem: RelayPin | None = None
    warm_up_s: float = AMPLIFIER_WARM_UP_S
    hold_s: float = AMPLIFIER_HOLD_S
    sound_device: str = ""

    @property
    def relays(self) -> tuple[RelayPin, ...]:
        """Every relay, to be at rest whenever no agent runs."""
        return (self.amplifier, *([self.modem] if self.modem else []))


ARRESTER = InputPin(name="spd_ok", gpio=23, debounce_s=0.2)
SURGE_PULSE = InputPin(name="surge_pulse", gpio=24, debounce_s=0.01)
KEY = KeyPins(
    turned=InputPin(name="key_turned", gpio=5, debounce_s=0.05),
    rest=InputPin(name="key_rest", gpio=6, debounce_s=0.05),
    stop=InputPin(name="key_stop", gpio=13, debounce_s=0.05),
)
MODEM = RelayPin(name="modem", gpio=27, max_on_s=60.0)
"""The guard gives the modem its supply back after a minute, whatever the program wants."""

CABINET = Board(
    name="cabinet-v1",
    amplifier=RelayPin(name="amp", gpio=22),
    arrester=ARRESTER,
    surge_pulse=SURGE_PULSE,
    key=KEY,
    modem=MODEM,
)
FM_BRIDGE = Board(
    name="fm-bridge",
    amplifier=RelayPin(name="amp", gpio=22),
    arrester=ARRESTER,
    surge_pulse=SURGE_PULSE,
    key=KEY,
    modem=MODEM,
    warm_up_s=5.0,
    hold_s=1.0,
)
BOARDS = {board.name: board for board in (CABINET, FM_BRIDGE)}


def find_board(name: str) -> Board:
    """The board of that name.

    Raises:
        BoardError: There is none; the message names the nearest.
    """
    if name in BOARDS:
        return BOARDS[name]
    near = difflib.get_close_matches(name, BOARDS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(BOARDS)}"
    raise BoardError(f"board: no board is called {name!r}, {hint}")
