from __future__ import annotations

import pytest

from hardware.board import BOARDS, Board, BoardError, InputPin, RelayPin, find_board

EEPROM, I2C_PULLED_UP, CONSOLE = {0, 1}, {2, 3}, {14, 15}
HEADER = range(28)
every_board = pytest.mark.parametrize("board", BOARDS.values(), ids=str)


def pins(board: Board) -> list[RelayPin | InputPin]:
    return [*board.relays, board.arrester, board.surge_pulse]


def gpios(board: Board) -> list[int]:
    return [pin.gpio for pin in pins(board)]


@every_board
def test_pins_are_free_ones_of_the_header(board: Board) -> None:
    assert set(gpios(board)) <= set(HEADER) - EEPROM - I2C_PULLED_UP - CONSOLE


@every_board
def test_no_pin_and_no_name_is_used_twice(board: Board) -> None:
    names = [pin.name for pin in pins(board)]
    assert len(set(gpios(board))) == len(set(names)) == len(names)


@every_board
def test_a_relay_rests_off_before_any_program_runs(board: Board) -> None:
    for relay in board.relays:
        pulled_up_at_boot = relay.gpio <= 8  # BCM283x: GPIO 0-8 up, 9-27 down
        assert relay.active_high is not pulled_up_at_boot


@every_board
def test_a_modem_is_never_long_without_supply(board: Board) -> None:
    assert board.modem is None or board.modem.max_on_s <= 60


@every_board
def test_the_guard_outlasts_a_session_and_not_the_night(board: Board) -> None:
    assert 3600 <= board.amplifier.max_on_s <= 6 * 3600


@every_board
def test_times_of_the_wiring_make_sense(board: Board) -> None:
    assert 0 < board.hold_s <= 10
    assert 0 < board.warm_up_s <= 10
    assert 0 < board.surge_pulse.debounce_s < 0.05, "a surge counter's pulse lasts about 50 ms"
    assert 0.05 <= board.arrester.debounce_s <= 2


def test_a_transmitter_gets_more_time_than_an_amplifier() -> None:
    assert find_board("fm-bridge").warm_up_s > find_board("cabinet-v1").warm_up_s


def test_a_board_is_found_by_its_name() -> None:
    assert find_board("cabinet-v1") is BOARDS["cabinet-v1"]


@pytest.mark.parametrize(
    ("name", "hint"), [("cabinet_v1", "did you mean 'cabinet-v1'?"), ("?", "fm-bridge")]
)
def test_a_wrong_name_is_answered_with_the_right_ones(name: str, hint: str) -> None:
    with pytest.raises(BoardError, match="no board is called") as refused:
        find_board(name)
    assert hint in str(refused.value)


def test_a_relay_is_active_high_unless_the_board_says_otherwise() -> None:
    assert RelayPin(name="x", gpio=22).active_high
