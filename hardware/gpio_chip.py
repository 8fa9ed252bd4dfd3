"""Which GPIO chip has the pins of a Pi's 40-pin header: known by its label, as its number has changed over time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from hardware.pin_error import PinError

HEADER_LABELS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")
"""Pi 5 (chip 4 on kernels before 6.6.47, 0 since), Pi 4 (0), older ones and Zeros (0)."""
LABEL = 3
"""Where `gpio_get_chip_info` has the label: behind status, number of lines and name."""


class ChipOpener(Protocol):
    """What this needs of the module `lgpio`."""

    @property
    def error(self) -> type[Exception]:
        """What it raises."""
        ...

    def gpiochip_open(self, chip: int) -> int:
        """Opens a chip by its number."""
        ...

    def gpio_get_chip_info(self, handle: int) -> list[Any]:
        """Status, number of lines, name, label."""
        ...

    def gpiochip_close(self, handle: int) -> object:
        """Lets go of it."""
        ...


def header_chip(labels: Mapping[int, str]) -> int:
    """The number of the chip whose label is that of a Pi's header.

    Args:
        labels: Chip number to its label.

    Raises:
        PinError: None is; what there is instead is named.
    """
    for wanted in HEADER_LABELS:
        for number, label in sorted(labels.items()):
            if label == wanted:
                return number
    there = ", ".join(f"gpiochip{number} {label}" for number, label in sorted(labels.items()))
    raise PinError(f"GPIO: no chip of a Pi's header; there is: {there or 'none'}")


def find_header_chip(lgpio: ChipOpener, devices: Path = Path("/dev")) -> int:
    """Asks each chip of this machine for its label.

    Raises:
        PinError: No chip can be opened, or none is a Pi's header.
    """
    labels: dict[int, str] = {}
    refused = ""
    for path in devices.glob("gpiochip*"):
        number = int(path.name.removeprefix("gpiochip"))
        try:
            handle = lgpio.gpiochip_open(number)
        except lgpio.error as error:
            refused = f"GPIO: gpiochip{number}: {error}"
            continue
        labels[number] = str(lgpio.gpio_get_chip_info(handle)[LABEL])
        lgpio.gpiochip_close(handle)
    if refused and not labels:
        raise PinError(refused)
    return header_chip(labels)
