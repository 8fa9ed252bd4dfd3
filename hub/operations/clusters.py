"""Clusters: make known, look at, and tell whether a secret is theirs."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator, Collection
from datetime import datetime

from msgspec.structs import replace
from sqlalchemy import Connection

from contract.ids import ALL_GROUP, ClusterId, is_name
from hub import refusals
from hub.bell import Bell
from hub.broker_users import mosquitto_hash
from hub.clock import HubClock
from hub.core.alarms import alarms
from hub.core.clock_error import is_clock_off
from hub.core.model import Cluster, ClusterSettings, ClusterView
from hub.core.windows import is_never
from hub.issuer import Issuer
from hub.live import Live, LiveView
from hub.store import clusters as rows
from hub.store import people, plans
from hub.store.engine import Store

RESERVED = frozenset({"all", "hub", "hub-state", "command"})


class Clusters:
    """The clusters of the commune."""

    def __init__(
        self, store: Store, clock: HubClock, issuer: Issuer, outbox: Bell, users: Bell, live: Live
    ) -> None:
        self._store = store
        self._clock = clock
        self._issuer = issuer
        self._outbox = outbox
        self._users = users
        self._live = live

    async def add(self, new: Cluster, *, by: str) -> str:
        """Makes a cluster known; its secret, which is stored nowhere and told only now."""
        for name in (new.name, *new.groups):
            if not is_name(name):
                raise refusals.bad_name(name)
        if new.name in RESERVED:
            raise refusals.reserved_name(new.name)
        now = self._clock.now()
        secret, credentials = _new_secret()

        def work(connection: Connection) -> None:
            if rows.get(connection, new.name) is not None:
                raise refusals.cluster_exists(new.name)
            rows.insert(connection, new, credentials, now)
            self._issuer.issue(connection, now)
            people.note_audit(connection, now, by, "cluster.add", new.name)

        await self._store.write(work)
        self._users.ring()
        self._outbox.ring()
        return secret

    async def renew(self, name: ClusterId, *, by: str) -> str:
        """Gives a known cluster a new secret; the old one is worth nothing from then on."""
        now = self._clock.now()
        secret, credentials = _new_secret()

        def work(connection: Connection) -> None:
            if rows.get(connection, name) is None:
                raise refusals.unknown_clusters([name])
            rows.replace_credentials(connection, name, credentials)
            people.note_audit(connection, now, by, "cluster.renew", name)

        await self._store.write(work)
        self._users.ring()
        return secret

    async def change(self, name: ClusterId, wanted: ClusterSettings, *, by: str) -> Cluster:
        """Gives a cluster other settings; its plan follows."""
        now = self._clock.now()
        named = wanted.named()
        for window in named.get("download_windows") or ():
            if is_never(window):
                raise refusals.bad_cluster_settings(window)

        def work(connection: Connection) -> Cluster:
            known = rows.get(connection, name)
            if known is None:
                raise refusals.unknown_clusters([name])
            changed = replace(known, **named)
            if changed != known:
                rows.replace_settings(connection, changed)
                self._issuer.issue(connection, now)
                told = ", ".join(f"{key}={value}" for key, value in named.items())
                people.note_audit(connection, now, by, "cluster.set", f"{name} {told}")
            return changed

        done = await self._store.write(work)
        self._outbox.ring()
        return done

    async def get(self, name: ClusterId) -> Cluster:
        """One cluster."""
        found = await self._store.read(lambda c: rows.get(c, name))
        if found is None:
            raise refusals.unknown_clusters([name])
        return found

    async def is_secret(self, cluster: str, secret: str) -> bool:
        """Whether this is the cluster's secret (HTTP Basic of /media)."""
        stored = await self._store.read(lambda c: rows.secret_sha256(c, cluster))
        return hmac.compare_digest(_sha256(secret), stored or "") and stored is not None

    async def everyone(self) -> tuple[Cluster, ...]:
        """All clusters, by name."""
        return await self._store.read(rows.everyone)

    async def views(self, only: Collection[ClusterId] | None = None) -> tuple[ClusterView, ...]:
        """All clusters, or only those named, as they are now, by name."""
        versions = await self._store.read(plans.versions)
        wanted = [one for one in await self.everyone() if only is None or one.name in only]
        views = await self._live.views([one.name for one in wanted])
        now = self._clock.now()
        return tuple(
            _view(one, live, versions.get(one.name, 0), now)
            for one, live in zip(wanted, views, strict=True)
        )

    async def view(self, cluster: ClusterId) -> ClusterView:
        """One cluster as it is now."""
        found = await self.get(cluster)
        versions = await self._store.read(plans.versions)
        live = await self._live.view(cluster)
        return _view(found, live, versions.get(cluster, 0), self._clock.now())

    def changes(self) -> AsyncIterator[ClusterId]:
        """Names of clusters as they change, for as long as the caller listens (server-sent events)."""
        return self._live.changes()


def _view(one: Cluster, live: LiveView, plan_version: int, now: datetime) -> ClusterView:
    return ClusterView(
        name=one.name,
        title=one.title or one.name,
        hamlet=one.hamlet,
        groups=(ALL_GROUP, *(group for group in one.groups if group != ALL_GROUP)),
        board=one.board,
        online=live.online,
        last_seen_at=live.signs.last_seen_at,
        reported=live.reported,
        plan_version=plan_version,
        plan_version_reported=live.reported.desired_version if live.reported else 0,
        quiet=live.quiet,
        alarms=alarms(live.reported, clock_is_off=is_clock_off(live.clock, now)),
        clock_error_s=live.clock.error_s if live.clock else None,
        telemetry=live.telemetry,
        volume_pct=one.volume_pct,
        download_windows=one.download_windows,
        monthly_mib=one.monthly_mib,
        maintenance=one.maintenance,
    )


def _new_secret() -> tuple[str, rows.Credentials]:
    secret = secrets.token_urlsafe(32)
    return secret, rows.Credentials(
        secret_sha256=_sha256(secret), mosquitto_hash=mosquitto_hash(secret)
    )


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
