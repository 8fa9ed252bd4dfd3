"""Faults that a cluster tells the hub and its technician. Each has words and advice on both sides."""

from __future__ import annotations

from enum import StrEnum


class FaultCode(StrEnum):
    """What is wrong with a cluster now, as it stands in `Reported.faults` and in the journal's fault rows."""

    ARRESTER_FAILED = "arrester_failed"
    RELAY_FAILED = "relay_failed"
    RELAY_GUARD = "relay_guard"
    PLAYER_FAILED = "player_failed"
    SILENT = "silent"
    """A sound is on air by every sign but its level: digital silence, or a player that does not go on."""
    CLOCK_UNTRUSTED = "clock_untrusted"
    DISK_FULL = "disk_full"
    CARD_READ_ONLY = "card_read_only"
    CARD_ERRORS = "card_errors"
    """The file system has counted errors, or what was written to the card did not come back the same."""
    CARD_SLOW = "card_slow"
    CARD_WORN = "card_worn"
    UNDER_VOLTAGE = "under_voltage"
    TOO_HOT = "too_hot"
    LEDGER_REPLACED = "ledger_replaced"
    DATA_BUDGET_SPENT = "data_budget_spent"
    KEY_FAULT = "key_fault"
    """The contacts of the cabinet's key contradict each other: shorted, or a wire is off."""
    COMMANDS_REFUSED = "commands_refused"
    """Somebody sends commands that do not hold: not signed, old, or too many."""
