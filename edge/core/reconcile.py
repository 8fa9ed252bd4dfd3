"""From what should be and what is, the commands that lead from one to the other."""

from __future__ import annotations

from msgspec import Struct

from edge.core.state import Cue, Decision


class TurnAmplifierOn(Struct, frozen=True):
    """Switch the amplifier's relay on."""


class TurnAmplifierOff(Struct, frozen=True):
    """Switch the amplifier's relay off."""


class PlayCue(Struct, frozen=True):
    """Open the sound and start it at its instant."""

    cue: Cue


class DropCue(Struct, frozen=True):
    """Silence this sound, or forget that it was prepared."""

    cue: Cue


Command = TurnAmplifierOn | TurnAmplifierOff | PlayCue | DropCue


def reconcile(decision: Decision, cued: tuple[Cue, ...], *, amplifier_is_on: bool) -> list[Command]:
    """The commands, in the order in which they are safe: amplifier on first, off last."""
    commands: list[Command] = []
    if decision.amplifier_on and not amplifier_is_on:
        commands.append(TurnAmplifierOn())
    commands += [DropCue(cue) for cue in cued if cue not in decision.cues]
    commands += [PlayCue(cue) for cue in decision.cues if cue not in cued]
    if amplifier_is_on and not decision.amplifier_on:
        commands.append(TurnAmplifierOff())
    return commands
