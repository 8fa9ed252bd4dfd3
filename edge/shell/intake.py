"""Whether a plan that came over the link is taken."""

from __future__ import annotations

from contract.codec import Refused, open_signed
from contract.ids import ClusterId, CommuneId
from contract.model import Desired
from contract.note import VerifierKey
from contract.policy import is_quiet
from edge.core.needs import sounds_in_order_of_need


class AlreadyHeld(Exception):  # noqa: N818 - no error: the broker repeats what it retains
    """The plan in force came again."""


def take_desired(
    note: bytes,
    keys: tuple[VerifierKey, ...],
    commune: CommuneId,
    cluster: ClusterId,
    accepted_version: int,
    held_version: int,
) -> Desired:
    """The plan of a signed note that is newer than what is held.

    Args:
        note: The bytes as they came.
        keys: Keys whose signatures count.
        commune: This cluster's commune.
        cluster: This cluster.
        accepted_version: The highest version taken so far.
        held_version: The version in force; 0 when there is none, as after the file of the plan was damaged.

    Raises:
        AlreadyHeld: It is the version in force.
        Refused: Unsigned, wrongly signed, older, oversized, unreadable, unusable, or meant for another cluster.
    """
    plan = read_plan(note, keys)
    if (plan.commune, plan.cluster) != (commune, cluster):
        raise Refused(f"meant for {plan.commune}/{plan.cluster}")
    if plan.version == accepted_version == held_version:
        raise AlreadyHeld
    if plan.version < accepted_version:
        raise Refused(f"version {plan.version} is older than {accepted_version}")
    return plan


def read_plan(note: bytes, keys: tuple[VerifierKey, ...]) -> Desired:
    """The plan of a signed note, tried out: one that cannot be laid out would end the agent at every start.

    Raises:
        Refused: Unsigned, wrongly signed, oversized, unreadable or unusable.
    """
    plan = open_signed(note, Desired, keys)
    try:
        sounds_in_order_of_need(plan, plan.issued_at)
        for window in plan.quiet_hours:
            is_quiet(plan.issued_at, (window,), plan.zone)
    except (ArithmeticError, LookupError, ValueError, OSError) as error:
        raise Refused(f"unusable: {error}") from error
    return plan
