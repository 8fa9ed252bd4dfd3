"""Chips as real Pis list them: the header's number differs, its label does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardware.gpio_chip import find_header_chip, header_chip
from hardware.pin_error import PinError

PI_5_OLD = {
    0: "gpio-brcmstb@107d508500",
    1: "gpio-brcmstb@107d508520",
    2: "gpio-brcmstb@107d517c00",
    3: "gpio-brcmstb@107d517c20",
    4: "pinctrl-rp1",
}
PI_5_NEW = {
    0: "pinctrl-rp1",
    10: "gpio-brcmstb@107d508500",
    11: "gpio-brcmstb@107d508520",
    12: "gpio-brcmstb@107d517c00",
    13: "gpio-brcmstb@107d517c20",
}
PI_4 = {0: "pinctrl-bcm2711", 1: "raspberrypi-exp-gpio"}
PI_ZERO_2 = {0: "pinctrl-bcm2835", 1: "raspberrypi-exp-gpio"}
PI_3_WITH_EXPANDER_FIRST = {0: "pcf8574", 1: "pinctrl-bcm2835"}


@pytest.mark.parametrize(
    ("labels", "number"),
    [(PI_5_OLD, 4), (PI_5_NEW, 0), (PI_4, 0), (PI_ZERO_2, 0), (PI_3_WITH_EXPANDER_FIRST, 1)],
)
def test_the_header_is_known_by_its_label(labels: dict[int, str], number: int) -> None:
    assert header_chip(labels) == number


def test_a_machine_that_is_no_pi_says_what_it_has() -> None:
    with pytest.raises(PinError, match="there is: gpiochip0 INT33FC:00, gpiochip1 cp2112"):
        header_chip({1: "cp2112", 0: "INT33FC:00"})


class Chips:
    """The module `lgpio` as far as it matters: chips that open, or are refused."""

    error: type[Exception] = OSError

    def __init__(self, labels: dict[int, str], refused: frozenset[int] = frozenset()) -> None:
        self._labels = labels
        self._refused = refused
        self.held: set[int] = set()

    def gpiochip_open(self, chip: int) -> int:
        if chip in self._refused:
            raise self.error("'can not open gpiochip'")
        self.held.add(chip)
        return chip

    def gpio_get_chip_info(self, handle: int) -> list[object]:
        assert handle in self.held
        return [0, 54, f"gpiochip{handle}", self._labels[handle]]

    def gpiochip_close(self, handle: int) -> None:
        self.held.remove(handle)


@pytest.mark.parametrize("labels", [PI_5_OLD, PI_5_NEW, PI_4])
def test_every_chip_is_asked_and_let_go(tmp_path: Path, labels: dict[int, str]) -> None:
    for number in labels:
        (tmp_path / f"gpiochip{number}").touch()
    chips = Chips(labels)
    assert labels[find_header_chip(chips, tmp_path)].startswith("pinctrl-")
    assert chips.held == set()


def test_a_chip_that_is_refused_does_not_hide_the_header(tmp_path: Path) -> None:
    for number in PI_5_OLD:
        (tmp_path / f"gpiochip{number}").touch()
    assert find_header_chip(Chips(PI_5_OLD, frozenset({0, 2})), tmp_path) == 4


def test_without_permission_the_refusal_is_said(tmp_path: Path) -> None:
    (tmp_path / "gpiochip0").touch()
    with pytest.raises(PinError, match="gpiochip0: 'can not open"):
        find_header_chip(Chips(PI_4, frozenset({0})), tmp_path)
