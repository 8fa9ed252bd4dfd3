"""The cabinet's key: turned and held it sounds a warning, in its stop position it ends one. Pure.

It is a changeover contact on two wires and a stop contact on a third. Both wires of the changeover must agree: one
that a surge has shorted or torn off is a fault, and never an evacuation.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

HELD_S = 3.0
"""A key that is turned by a child's hand, or jolted, is not held so long."""
STOP_HELD_S = 0.3
DISAGREE_S = 1.0
"""A changeover contact is between its two sides for some milliseconds."""


class Contacts(Struct, frozen=True, kw_only=True):
    """Which contacts are closed.

    Attributes:
        turned: Closed while the key is turned to sound.
        rest: Closed while the key rests; opens as it is turned.
        stop: Closed in the stop position.
    """

    turned: bool = False
    rest: bool = False
    stop: bool = False

    @property
    def is_at_rest(self) -> bool:
        """Whether the key rests."""
        return self.rest and not self.turned and not self.stop

    @property
    def is_turned(self) -> bool:
        """Whether the key is turned to sound: both sides of the changeover say so."""
        return self.turned and not self.rest and not self.stop

    @property
    def is_stop(self) -> bool:
        """Whether the key is in its stop position."""
        return self.stop and not self.turned


class Act(StrEnum):
    """What the key asks for."""

    SOUND = "sound"
    STOP = "stop"


class Key(Struct, frozen=True, kw_only=True):
    """What is known of the key. Instants are seconds of a monotonic clock.

    Attributes:
        since_s: Since when the contacts are as they are.
        is_armed: It has rested since it last sounded; a cabinet without a key never arms.
        has_stopped: What it ended by its stop position it does not end again until it has left that.
        was_seen: It has rested once: there is a key.
        is_faulty: Its contacts contradict each other.
    """

    contacts: Contacts = Contacts()
    since_s: float = 0.0
    is_armed: bool = False
    has_stopped: bool = False
    was_seen: bool = False
    is_faulty: bool = False


def moved(key: Key, contacts: Contacts, at_s: float) -> Key:
    """Contacts are as told from now on."""
    if contacts == key.contacts:
        return key
    if contacts.is_at_rest:
        return Key(contacts=contacts, since_s=at_s, is_armed=True, was_seen=True)
    has_stopped = key.has_stopped and contacts.is_stop
    return replace(key, contacts=contacts, since_s=at_s, has_stopped=has_stopped)


def look(key: Key, now_s: float) -> tuple[Key, Act | None]:
    """What the key asks for now, once, and the key after that."""
    held_s = now_s - key.since_s
    if key.is_armed and key.contacts.is_turned and held_s >= HELD_S:
        return replace(key, is_armed=False, is_faulty=False), Act.SOUND
    if _may_stop(key) and held_s >= STOP_HELD_S:
        return replace(key, has_stopped=True, is_faulty=False), Act.STOP
    if key.was_seen and _contradict(key.contacts) and held_s >= DISAGREE_S:
        return replace(key, is_faulty=True), None
    return key, None


def look_again_s(key: Key, now_s: float) -> float | None:
    """In how many seconds the key is to be looked at again if nothing moves; None: not."""
    if key.is_armed and key.contacts.is_turned:
        due_s = HELD_S
    elif _may_stop(key):
        due_s = STOP_HELD_S
    elif key.was_seen and not key.is_faulty and _contradict(key.contacts):
        due_s = DISAGREE_S
    else:
        return None
    return max(0.0, key.since_s + due_s - now_s)


def _may_stop(key: Key) -> bool:
    """A stop needs no rest before it: it always works."""
    return key.was_seen and key.contacts.is_stop and not key.has_stopped


def _contradict(contacts: Contacts) -> bool:
    return not (contacts.is_at_rest or contacts.is_turned or contacts.is_stop)
