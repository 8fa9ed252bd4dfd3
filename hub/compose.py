"""Puts a hub together from its state directory: what the command line and `serve` have in common."""

from __future__ import annotations

from dataclasses import dataclass

from contract.note import SignerKey
from hub.bell import Bell
from hub.clock import HubClock
from hub.hearing import Hearing
from hub.issuer import Issuer
from hub.keys import read_private
from hub.link import HubLink, LinkAddress, LinkParts
from hub.live import Live
from hub.operations import Operations
from hub.operations.backups import Backups
from hub.operations.bulletins import Bulletins
from hub.operations.clusters import Clusters
from hub.operations.emergencies import Emergencies
from hub.operations.journal import Journal
from hub.operations.people import People
from hub.operations.slots import Slots
from hub.settings import Settings, load_settings
from hub.state_dir import StateDir
from hub.store.engine import Store, open_store


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What operations work on. `live` is not opened.

    Attributes:
        outbox: Rings when plans wait to be published.
        users: Rings when the broker's users have changed.
        orders: Rings when an order is to be given, or a cluster has come that may owe an answer.
    """

    settings: Settings
    state: StateDir
    clock: HubClock
    signer: SignerKey
    store: Store
    live: Live
    issuer: Issuer
    outbox: Bell
    users: Bell
    orders: Bell
    operations: Operations


def compose(state: StateDir, clock: HubClock) -> Parts:
    """Opens what lies in a state directory.

    Raises:
        HubError: There is no hub there, or its settings, keys or store are broken.
    """
    settings = load_settings(state.settings)
    signer = read_private(state.signing_key)
    store = open_store(settings.store.url, state.database)
    live = Live(settings.live.url, settings.commune, clock)
    issuer, outbox, users, orders = Issuer(settings, signer), Bell(), Bell(), Bell()
    operations = Operations(
        people=People(store, clock),
        clusters=Clusters(store, clock, issuer, outbox, users, live),
        bulletins=Bulletins(store, clock, issuer, outbox),
        slots=Slots(store, clock, settings, issuer, outbox, live),
        emergencies=Emergencies(store, clock, settings, signer, orders, live),
        journal=Journal(store, clock),
        backups=Backups(store, clock, state, settings),
    )
    return Parts(
        settings=settings,
        state=state,
        clock=clock,
        signer=signer,
        store=store,
        live=live,
        issuer=issuer,
        outbox=outbox,
        users=users,
        orders=orders,
        operations=operations,
    )


def link_of(parts: Parts, password: str) -> HubLink:
    """The link to the broker, which knows the hub by this password."""
    where = LinkAddress(
        address=parts.settings.mqtt.address, password=password, commune=parts.settings.commune
    )
    hearing = Hearing(
        parts.store, parts.live, parts.operations, parts.issuer, parts.outbox, parts.clock
    )
    return HubLink(
        where,
        LinkParts(
            signer=parts.signer,
            store=parts.store,
            live=parts.live,
            hearing=hearing,
            emergencies=parts.operations.emergencies,
            outbox=parts.outbox,
            orders=parts.orders,
            clock=parts.clock,
        ),
    )
