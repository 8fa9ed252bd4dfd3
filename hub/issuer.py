"""Issues plans: in the same transaction as the change that calls for them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from contract.codec import MAX_DESIRED_BYTES, sign
from contract.ids import ClusterId
from contract.note import SignerKey
from hub import refusals
from hub.core.model import Cluster, Plan
from hub.core.planning import Facts, next_plan, plan_hash
from hub.settings import Settings
from hub.store import bulletins, clusters, plans, slots
from hub.store.facts import version_floor


class Issuer:
    """Makes and signs the plans of all clusters."""

    def __init__(self, settings: Settings, signer: SignerKey) -> None:
        self._settings = settings
        self._signer = signer

    def issue(self, connection: Connection, now: datetime) -> tuple[ClusterId, ...]:
        """A new plan for every cluster whose plan changed; their names.

        Raises:
            HubError: A plan would be larger than a cluster takes.
        """
        facts = self._facts(connection)
        above = version_floor(connection) - 1
        return tuple(
            one.name
            for one in clusters.everyone(connection)
            if self._issue_one(connection, one, facts, now, above=above)
        )

    def issue_above(
        self, connection: Connection, cluster: ClusterId, held: int, now: datetime
    ) -> bool:
        """A plan above the version that a cluster holds, when the hub's own is lower (an old backup)."""
        found = clusters.get(connection, cluster)
        if found is None:
            return False
        above = max(held, version_floor(connection) - 1)
        return self._issue_one(connection, found, self._facts(connection), now, above=above)

    def _issue_one(
        self, connection: Connection, one: Cluster, facts: Facts, now: datetime, *, above: int
    ) -> bool:
        plan = next_plan(one, facts, plans.last_issued(connection, one.name), now, above=above)
        if plan is None:
            return False
        note = sign(plan, self._signer)
        if len(note) > MAX_DESIRED_BYTES:
            raise refusals.plan_too_large(one.name, MAX_DESIRED_BYTES // 1024)
        issued = Plan(
            cluster=one.name,
            version=plan.version,
            body_hash=plan_hash(plan),
            note=note,
            issued_at=now,
        )
        plans.insert(connection, issued)
        return True

    def _facts(self, connection: Connection) -> Facts:
        known = {one.id: one for one in bulletins.everything(connection)}
        return Facts(
            commune=self._settings.commune,
            quiet_hours=self._settings.plan.windows(),
            slots=slots.not_cancelled(connection),
            bulletins=known,
            fetching=self._settings.plan.fetching(),
            pack=bulletins.pack(connection),
        )
