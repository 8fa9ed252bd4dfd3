"""Whether a plan that came over the link is taken."""

from __future__ import annotations

from contract.codec import Refused, open_signed
from contract.ids import ClusterId, CommuneId
from contract.model import Desired
from contract.note import VerifierKey


class AlreadyHeld(Exception):  # noqa: N818 - no error: the broker repeats what it retains
    """The plan in force came again."""


def take_desired(
    note: bytes,
    keys: tuple[VerifierKey, ...],
    commune: CommuneId,
    cluster: ClusterId,
    accepted_version: int,
) -> Desired:
    """The plan of a signed note that is newer than what is held.

    Args:
        note: The bytes as they came.
        keys: Keys whose signatures count.
        commune: This cluster's commune.
        cluster: This cluster.
        accepted_version: The highest version taken so far.

    Raises:
        AlreadyHeld: It is the version in force.
        Refused: Unsigned, wrongly signed, older, oversized, unreadable, or meant for another cluster.
    """
    plan = open_signed(note, Desired, keys)
    if (plan.commune, plan.cluster) != (commune, cluster):
        raise Refused(f"meant for {plan.commune}/{plan.cluster}")
    if plan.version == accepted_version:
        raise AlreadyHeld
    if plan.version < accepted_version:
        raise Refused(f"version {plan.version} is older than {accepted_version}")
    return plan
