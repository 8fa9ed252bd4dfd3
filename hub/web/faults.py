"""Alarms in words, each with the next step for the officer or the technician."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from contract.fault import FaultCode
from hub.core.alarms import CLOCK_OFF
from hub.web.texts import Say, mark
from hub.web.tones import Tone


class FaultWords(Struct, frozen=True, kw_only=True):
    """An alarm as a person reads it: what it is, and what to do about it."""

    tone: Tone
    words: str
    advice: str


FAULTS: Mapping[str, FaultWords] = {
    FaultCode.ARRESTER_FAILED: FaultWords(
        tone=Tone.BAD,
        words=mark("surge arrester failed"),
        advice=mark(
            "The cluster still plays. Call the technician: replace the arrester before the next storm."
        ),
    ),
    FaultCode.RELAY_FAILED: FaultWords(
        tone=Tone.BAD,
        words=mark("the relay failed"),
        advice=mark(
            "Nobody hears this cluster. Call the technician: check the amplifier's relay and its wires."
        ),
    ),
    FaultCode.RELAY_GUARD: FaultWords(
        tone=Tone.BAD,
        words=mark("the amplifier was switched off by its guard and rests"),
        advice=mark(
            "It comes back by itself. If this happens again, call the technician: something keeps the amplifier on."
        ),
    ),
    FaultCode.PLAYER_FAILED: FaultWords(
        tone=Tone.BAD,
        words=mark("the player failed"),
        advice=mark(
            "It tries again by itself. If this is still here in ten minutes, "
            "have the cabinet's power switched off and on."
        ),
    ),
    FaultCode.SILENT: FaultWords(
        tone=Tone.BAD,
        words=mark("it plays, but nothing is to be heard"),
        advice=mark(
            "Ask somebody in the hamlet to listen. If it is silent there, "
            "call the technician: sound card, cable, amplifier."
        ),
    ),
    FaultCode.CLOCK_UNTRUSTED: FaultWords(
        tone=Tone.BAD,
        words=mark("clock not right"),
        advice=mark(
            "No slot plays until it is; emergencies do. It sets itself once the cluster has network. "
            "If it stays, call the technician: the clock's battery."
        ),
    ),
    FaultCode.DISK_FULL: FaultWords(
        tone=Tone.WARN,
        words=mark("the memory card is full"),
        advice=mark(
            "It plays what it holds. Cancel slots that nobody needs; "
            "if this stays, the technician puts in a larger card."
        ),
    ),
    FaultCode.CARD_READ_ONLY: FaultWords(
        tone=Tone.BAD,
        words=mark("the memory card takes nothing any more"),
        advice=mark(
            "It plays what it holds but takes no new schedule. Call the technician: replace the card this week."
        ),
    ),
    FaultCode.CARD_ERRORS: FaultWords(
        tone=Tone.BAD,
        words=mark("the memory card has errors"),
        advice=mark(
            "Call the technician: bring a new card soon, and look at the power supply."
        ),
    ),
    FaultCode.CARD_SLOW: FaultWords(
        tone=Tone.WARN,
        words=mark("the memory card is very slow"),
        advice=mark(
            "Often the first sign of a dying card. The technician brings a new one on the next visit."
        ),
    ),
    FaultCode.CARD_WORN: FaultWords(
        tone=Tone.WARN,
        words=mark("the memory card is nearly worn out"),
        advice=mark("The technician replaces the card on the next visit."),
    ),
    FaultCode.UNDER_VOLTAGE: FaultWords(
        tone=Tone.WARN,
        words=mark("the power supply is too weak"),
        advice=mark(
            "A weak supply destroys memory cards. The technician replaces the 5 V supply or its cable."
        ),
    ),
    FaultCode.TOO_HOT: FaultWords(
        tone=Tone.WARN,
        words=mark("the cabinet is too hot"),
        advice=mark(
            "Have somebody clear its vents and look at its fan; the cabinet should not stand in full sun."
        ),
    ),
    FaultCode.LEDGER_REPLACED: FaultWords(
        tone=Tone.WARN,
        words=mark("the log on the card was broken and has begun anew"),
        advice=mark(
            "Nothing to do now. If it happens again, call the technician: replace the card."
        ),
    ),
    FaultCode.DATA_BUDGET_SPENT: FaultWords(
        tone=Tone.WARN,
        words=mark("this month's 4G data is used up"),
        advice=mark(
            "New sounds wait for next month; emergencies do not. Who can pay for more raises the limit "
            "on the hub: loaxa-hub cluster set NAME --monthly-mib."
        ),
    ),
    FaultCode.KEY_FAULT: FaultWords(
        tone=Tone.BAD,
        words=mark("the key in its cabinet does not work"),
        advice=mark(
            "Nobody can sound an evacuation at the cabinet itself. Call the technician: "
            "a wire of the key is shorted or off."
        ),
    ),
    FaultCode.COMMANDS_REFUSED: FaultWords(
        tone=Tone.BAD,
        words=mark("orders came that do not hold, and were refused"),
        advice=mark(
            "A stranger may be sending orders, or the hub's clock is wrong. Check the hub's clock; if it is right, "
            "tell whoever is responsible for information security."
        ),
    ),
    CLOCK_OFF: FaultWords(
        tone=Tone.BAD,
        words=mark("its clock is off"),
        advice=mark(
            "It begins programmes at the wrong moment. If all clusters show this, the hub's own clock is wrong; "
            "else call the technician: the cluster does not reach a time server."
        ),
    ),
}  # fmt: skip
"""Words for every `contract.fault.FaultCode`, and for what the hub finds by itself."""
UNKNOWN_ADVICE = mark("Tell the technician, and update the hub: the cluster's program is newer.")


def fault_words(code: str, say: Say) -> FaultWords:
    """An alarm in the reader's language; a code that this hub does not know is shown as it is."""
    known = FAULTS.get(code)
    if known is None:
        return FaultWords(
            tone=Tone.BAD, words=f"{say('fault:')} {code}", advice=say(UNKNOWN_ADVICE)
        )
    return FaultWords(tone=known.tone, words=say(known.words), advice=say(known.advice))
