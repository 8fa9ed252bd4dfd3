"""The simulated SD card: one folder of one program, which forgets at a power cut what was not brought to it, and fails.

`card.c` says what is modelled and what not. A program is put on the card by running it with `Card.command`; its faults
are told with `Card.set_faults`, while it runs too; `Card.lose_power` makes of the folder what a card would hold after a
power cut.
"""

from __future__ import annotations

import hashlib
import random
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import asdict, replace

from hardware.simulated.card_log import read_changes
from hardware.simulated.card_loss import lose

SOURCE = Path(__file__).with_name("card.c")
MAGIC, VERSION = 0x44524143, 1
NO_LIMIT = -1
_CONTROL = struct.Struct("<IIQQIIqIIIIQII")
"""As `struct control` in card.c."""
_CHANGES = struct.Struct("<8xQ")


class CardError(Exception):
    """The simulated card cannot be had; one line says why."""


class CardFaults(Struct, frozen=True, kw_only=True):
    """What is wrong with a card.

    Attributes:
        room_bytes: So much more fits onto it; -1: no limit.
        read_only: It takes nothing, as after a remount.
        write_errors_pct: That share of changes fails (EIO).
        read_errors_pct: That share of reads fails (EIO).
        garbled_pct: That share of writes is stored with a wrong byte.
        slow_sync_ms: Every fsync takes so much longer.
        kill_at: The program dies at this change, counted from the first (`Card.changes`); 0: never.
        kill_how: 0 before that change, 1 in the middle of it, 2 after it.
        seed: Of what fails when only a share does.
        skips_sync: The computer's own disk is not waited for, which only makes trials quicker.
    """

    room_bytes: int = NO_LIMIT
    read_only: bool = False
    write_errors_pct: int = 0
    read_errors_pct: int = 0
    garbled_pct: int = 0
    slow_sync_ms: int = 0
    kill_at: int = 0
    kill_how: int = 0
    seed: int = 1
    skips_sync: bool = False


class Card:
    """A card for the store of one program.

    Args:
        store: The folder that stands for the card.
        home: Takes the card's books; on the same file system, outside `store`.
        memory: Folders of `store` that are memory, and empty after a power cut.
    """

    def __init__(self, store: Path, home: Path, *, memory: Sequence[str] = ("run",)) -> None:
        self._store = store.absolute()
        self._home = home.absolute()
        self._memory = memory
        self._faults = CardFaults()

    @property
    def faults(self) -> CardFaults:
        """What is wrong with it now."""
        return self._faults

    def lay_out(self) -> None:
        """Makes the folders; what the store holds now is on the card."""
        self._store.mkdir(parents=True, exist_ok=True)
        (self._home / "kept").mkdir(parents=True, exist_ok=True)
        self._forget()
        (self._home / "control").write_bytes(b"\0" * _CONTROL.size)
        self.set_faults(self._faults)

    def command(self, program: Sequence[str]) -> list[str]:
        """The command line that runs a program on this card.

        Raises:
            CardError: The library is not built.
        """
        library = built()
        if library is None:
            raise CardError("the simulated card is not built; run: scripts/setup bench")
        return [
            "env", f"LD_PRELOAD={library}", f"LOAXA_CARD={self._home}",
            f"LOAXA_CARD_ROOT={self._store}", f"LOAXA_CARD_MEMORY={self._memory[0]}", *program,
        ]  # fmt: skip

    def set_faults(self, faults: CardFaults) -> None:
        """Makes the card so from now on."""
        self._faults = faults
        with (self._home / "control").open("r+b") as file:
            changes = self._read(file.read())
            packed = _pack(faults, changes)
            # What the program counts up meanwhile is not touched.
            for first, last in ((0, 8), (16, len(packed))):
                file.seek(first)
                file.write(packed[first:last])
                file.flush()

    def change_faults(self, **more: int | bool) -> None:
        """Changes some faults and leaves the others."""
        self.set_faults(replace(self._faults, **more))

    def changes(self) -> int:
        """How many changes the programs on it have made."""
        return self._read((self._home / "control").read_bytes())

    @staticmethod
    def _read(control: bytes) -> int:
        return int(_CHANGES.unpack_from(control)[0])

    def lose_power(self, dice: random.Random, *, torn: bool = False) -> list[str]:
        """Leaves of the folder what a card would hold after a power cut now; the program has ended.

        Args:
            dice: Chooses among all that a card could hold.
            torn: Also within a write, in any order of pages, and with zeros at the end.

        Returns:
            What was lost, a line each.
        """
        changes = read_changes(self._home / "log")
        lost = lose(self._store, self._home / "kept", changes, dice, torn=torn)
        for name in self._memory:
            for path in (self._store / name).glob("*"):
                path.unlink()
        self._forget()
        return lost

    def _forget(self) -> None:
        """All that the store holds now is on the card."""
        (self._home / "log").write_bytes(b"")
        for path in (self._home / "kept").glob("*"):
            path.unlink()


def _pack(faults: CardFaults, changes: int) -> bytes:
    named = asdict(faults)
    return _CONTROL.pack(
        MAGIC, VERSION, changes, named["kill_at"], named["kill_how"], named["read_only"],
        named["room_bytes"], named["write_errors_pct"], named["read_errors_pct"],
        named["garbled_pct"], named["slow_sync_ms"], named["seed"], named["skips_sync"], 0,
    )  # fmt: skip


def built() -> Path | None:
    """The library, when it was built from the source as it is."""
    library = _library()
    return library if library.exists() else None


def _library() -> Path:
    version = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]
    return Path(sys.prefix) / "lib" / f"loaxa-card-{version}.so"


def build() -> Path:
    """Builds the library, unless it is there.

    Raises:
        CardError: There is no compiler, or it refused.
    """
    library = _library()
    if library.exists():
        return library
    beside = library.with_suffix(".new")
    command = ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror"]
    try:
        subprocess.run(
            [*command, "-o", str(beside), str(SOURCE), "-ldl", "-pthread"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise CardError("gcc is missing; run: apt-get install gcc libc6-dev") from error
    except subprocess.CalledProcessError as error:
        raise CardError(f"card.c does not compile: {error.stderr.strip()}") from error
    for old in library.parent.glob("loaxa-card-*.so"):
        old.unlink(missing_ok=True)
    beside.replace(library)
    return library


def main() -> int:
    """Builds the library (set-up does this)."""
    try:
        build()
    except CardError as error:
        sys.stderr.write(f"loaxa: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
