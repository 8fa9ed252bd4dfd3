"""Makes happen what a scenario says, on the rig."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hardware.simulated.card import NO_LIMIT
from provisioning.bench import happenings as what
from provisioning.bench.cluster_site import ClusterSite
from provisioning.bench.errors import BenchError
from provisioning.bench.hub_api import IngestedBulletin, once
from provisioning.bench.rig import Rig
from provisioning.bench.scenario import PlannedSlot, Scenario

FLIPPED_BYTES = 16
KEY_CONTACTS = {
    "rest": {"key_turned": False, "key_stop": False, "key_rest": True},
    "sound": {"key_rest": False, "key_stop": False, "key_turned": True},
    "stop": {"key_rest": False, "key_turned": False, "key_stop": True},
    "shorted": {"key_rest": True, "key_turned": True},
}
"""What each position of the key closes, in the order in which the contacts move."""


class Performer:
    """Plans slots and lets events happen.

    Args:
        scenario: What to do.
        rig: Whom to do it to.
        bulletins: Bulletin's name to what the hub made of it.
    """

    def __init__(
        self, scenario: Scenario, rig: Rig, bulletins: dict[str, IngestedBulletin]
    ) -> None:
        self._scenario = scenario
        self._rig = rig
        self._bulletins = bulletins
        self._slot_ids: dict[int, str] = {}

    def slot_ids(self) -> dict[str, str]:
        """Slot's name in the scenario to its id at the hub."""
        names = {number: slot.id for number, slot in enumerate(self._scenario.slots) if slot.id}
        return {names[number]: made for number, made in self._slot_ids.items() if number in names}

    async def push(self, number: int, t0: datetime) -> None:
        """Plans the slot of that number, or moves it when it is planned already.

        Raises:
            BenchError: The hub refused; the line names the slot.
        """
        slot = self._scenario.slots[number]
        try:
            self._slot_ids[number] = await self._rig.hub.api.plan(
                self._order(slot, t0 + timedelta(seconds=slot.at_s)), self._slot_ids.get(number)
            )
        except BenchError as error:
            raise type(error)(f"slot {number + 1}: {error}") from error

    def _order(self, slot: PlannedSlot, at: datetime) -> dict[str, Any]:
        return once(
            self._bulletins[slot.bulletin].id,
            at,
            slot.clusters if isinstance(slot.clusters, str) else [*slot.clusters],
            late_limit_s=slot.late_limit_s,
            in_quiet_hours=slot.in_quiet_hours or None,
            volume_pct=slot.volume_pct,
        )

    async def perform(self, event: what.Happening, t0: datetime) -> None:
        """Lets one event happen, everywhere it names at once."""
        names = self._scenario.named(getattr(event, "cluster", ()))
        match event:
            case what.HubKill() | what.HubStart() | what.HubBackup() | what.HubRestore():
                await self._with_the_hub(event)
            case (
                what.EmergencyBegins()
                | what.EmergencyStop()
                | what.Maintenance()
                | what.SlotCancel()
                | what.SlotStop()
                | what.SlotMove()
            ):
                await self._as_the_officer(event, names, t0)
            case what.KillAgent() | what.StartAgent() | what.PowerCut() | what.PowerRestore():
                await self._with_agents(event, names)
            case what.ModemHang(boot_s=boot_s):
                await self._rig.world.hang_modem(names, boot_s=boot_s)
            case what.PlayerStuck():
                for site in self._sites(names):
                    site.freeze_player()
            case what.LinkDown() | what.LinkUp() | what.LinkSlow() | what.LinkLoss():
                for site in self._sites(names):
                    _change_link(site, event)
            case (
                what.CorruptCache()
                | what.DiskFull()
                | what.CardReadOnly()
                | what.CardErrors()
                | what.CardSlow()
            ):
                self._spoil_cards(event, names)
                await self._tell_kernels(event, names)
            case _:
                await self._in_the_world(event, names)

    async def _as_the_officer(self, event: what.Happening, names: list[str], t0: datetime) -> None:
        match event:
            case what.EmergencyBegins():
                await self._sound_emergency(event, names)
            case what.EmergencyStop():
                await self._rig.hub.api.stop_emergencies()
            case what.Maintenance(on=on):
                await self._set_maintenance(names, on=on)
            case what.SlotCancel() | what.SlotStop() | what.SlotMove():
                await self._change_slot(event, t0)

    async def _sound_emergency(self, event: what.EmergencyBegins, names: list[str]) -> None:
        await self._rig.hub.api.sound_emergency(
            self._bulletins[event.bulletin].id,
            "all" if event.cluster == "all" else names,
            mode=event.mode,
            repeats=event.repeats,
            gap_s=event.gap_s,
            valid_s=event.valid_s,
        )

    async def _set_maintenance(self, names: list[str], *, on: bool) -> None:
        for name in names:
            await self._rig.hub.api.set_cluster(name, maintenance=on)

    async def _with_the_hub(self, event: what.Happening) -> None:
        match event:
            case what.HubKill():
                await self._rig.hub.kill()
            case what.HubBackup():
                await self._rig.hub.back_up()
            case what.HubRestore():
                await self._rig.hub.restore()
            case _:
                await self._rig.hub.start()

    def _sites(self, names: list[str]) -> list[ClusterSite]:
        return [self._rig.clusters[name] for name in names]

    async def _everywhere(
        self, names: list[str], do: Callable[[ClusterSite], Coroutine[Any, Any, None]]
    ) -> None:
        await asyncio.gather(*(do(site) for site in self._sites(names)))

    async def _with_agents(self, event: what.Happening, names: list[str]) -> None:
        match event:
            case what.KillAgent():
                await self._everywhere(names, ClusterSite.kill_agent)
            case what.PowerCut(torn=torn):
                await self._rig.world.set_power(names, on=False)
                await self._everywhere(
                    names,
                    lambda site: site.lose_power(self._dice(event, site), torn=torn),
                )
            case what.PowerRestore():
                await self._rig.world.set_power(names, on=True)
                await self._everywhere(names, ClusterSite.start_agent)
            case _:
                await self._everywhere(names, ClusterSite.start_agent)

    def _spoil_cards(self, event: what.Happening, names: list[str]) -> None:
        for site in self._sites(names):
            if isinstance(event, what.CorruptCache):
                corrupt(site.store / "sounds", self._bulletins[event.bulletin].sha256)
            else:
                site.change_card(**_card_faults(event))

    def _dice(self, event: what.Happening, site: ClusterSite) -> random.Random:
        """The same scenario, the same choices."""
        return random.Random(f"{self._scenario.seed} {site.name} {event.at_s}")  # noqa: S311 - a simulation

    async def _in_the_world(self, event: what.Happening, names: list[str]) -> None:
        world = self._rig.world
        match event:
            case (
                what.Surge()
                | what.Strike()
                | what.ArresterFails()
                | what.ArresterOk()
                | what.KeySwitch()
            ):
                await self._move_contacts(event, names)
            case what.ClockStep() | what.RtcRemove() | what.RtcWeak() | what.CellTime():
                await world.set_clock(names, **clock_facts(event))
            case what.AmplifierDead(dead=dead):
                await world.set_amplifier_dead(names, dead=dead)
            case what.PlayerSilent(silent=silent, until=until):
                until_restart = until == "restart"
                await world.set_card_silent(names, silent=silent, until_restart=until_restart)
            case _:
                await self._in_the_computers(event, names)

    async def _move_contacts(self, event: what.Happening, names: list[str]) -> None:
        world = self._rig.world
        match event:
            case what.Surge(pulses=pulses, width_ms=width_ms):
                for _ in range(pulses):
                    await world.pulse(names, "surge_pulse", width_ms=width_ms)
                    await asyncio.sleep(3 * width_ms / 1000)
            case what.Strike(arrester_fails=fails):
                await world.pulse(names, "surge_pulse")
                if fails:
                    await world.set_input(names, "spd_ok", closed=False)
            case what.ArresterFails():
                await world.set_input(names, "spd_ok", closed=False)
            case what.ArresterOk():
                await world.set_input(names, "spd_ok", closed=True)
            case what.KeySwitch(position=position):
                for pin, closed in KEY_CONTACTS[position].items():
                    await world.set_input(names, pin, closed=closed)
            case _:
                raise AssertionError(event)

    async def _tell_kernels(self, event: what.Happening, names: list[str]) -> None:
        """What a kernel would say of a card that is so."""
        match event:
            case what.CardReadOnly(read_only=read_only):
                await self._rig.world.set_machine(names, card_read_only=read_only)
            case what.CardErrors(counted=int(counted)):
                await self._rig.world.set_machine(names, filesystem_errors=counted)
            case _:
                pass

    async def _in_the_computers(self, event: what.Happening, names: list[str]) -> None:
        world = self._rig.world
        match event:
            case what.UnderVoltage(for_s=for_s):
                await world.set_machine(names, under_voltage=True)
                await asyncio.sleep(for_s)
                await world.set_machine(names, under_voltage=False)
            case what.TooHot(temperature_c=temperature_c):
                await world.set_machine(names, temperature_c=temperature_c)
            case what.CardWorn(life_used_pct=life_used_pct):
                await world.set_machine(names, card_life_used_pct=life_used_pct)
            case _:
                raise AssertionError(event)

    async def _change_slot(
        self, event: what.SlotCancel | what.SlotStop | what.SlotMove, t0: datetime
    ) -> None:
        number = [slot.id for slot in self._scenario.slots].index(event.slot)
        if number not in self._slot_ids:
            raise BenchError(f"{event.slot}: is not planned yet at {event.at_s:g} s")
        made = self._slot_ids[number]
        match event:
            case what.SlotCancel():
                await self._rig.hub.api.cancel(made)
            case what.SlotStop():
                await self._rig.hub.api.stop(made)
            case what.SlotMove(to_s=to_s):
                at = t0 + timedelta(seconds=to_s)
                await self._rig.hub.api.plan(self._order(self._scenario.slots[number], at), made)


def _card_faults(event: what.Happening) -> dict[str, int | bool]:
    match event:
        case what.DiskFull(full=full, room_bytes=room_bytes):
            return {"room_bytes": room_bytes if full else NO_LIMIT}
        case what.CardReadOnly(read_only=read_only):
            return {"read_only": read_only}
        case what.CardErrors():
            shares = ("write_errors_pct", "read_errors_pct", "garbled_pct")
            return {share: getattr(event, share) for share in shares}
        case what.CardSlow(slow_sync_ms=slow_sync_ms):
            return {"slow_sync_ms": slow_sync_ms}
        case _:
            raise AssertionError(event)


def clock_facts(
    event: what.ClockStep | what.RtcRemove | what.RtcWeak | what.CellTime,
) -> dict[str, float | bool | None]:
    """What an event changes of a cabinet's clock."""
    match event:
        case what.ClockStep(offset_s=offset_s, synchronised=synchronised):
            known = {} if synchronised is None else {"synchronised": synchronised}
            return {"offset_s": offset_s, **known}
        case what.RtcRemove():
            return {"rtc": False, "synchronised": False}
        case what.RtcWeak():
            return {"rtc_weak": True}
        case what.CellTime(offset_s=offset_s, on=on):
            return {"cell_offset_s": offset_s if on else None}


def _change_link(
    site: ClusterSite, event: what.LinkDown | what.LinkUp | what.LinkSlow | what.LinkLoss
) -> None:
    match event:
        case what.LinkDown(part=part):
            site.link.cut(part)
        case what.LinkUp(part=part):
            site.link.restore(part)
        case what.LinkSlow(latency_ms=latency_ms, bytes_per_s=bytes_per_s, part=part):
            site.link.slow(latency_ms=latency_ms, bytes_per_s=bytes_per_s, part=part)
        case what.LinkLoss(loss_pct=loss_pct, part=part):
            site.link.lose(loss_pct, part)


def corrupt(folder: Path, sha256: str) -> None:
    """Flips bytes in the middle of a stored sound.

    Raises:
        BenchError: It is not stored there.
    """
    found = [path for path in folder.rglob(f"{sha256}*") if path.is_file()]
    if not found:
        raise BenchError(f"{folder}: holds no sound {sha256[:12]} to corrupt")
    path = found[0]
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        held = file.read(FLIPPED_BYTES)
        file.seek(path.stat().st_size // 2)
        file.write(bytes(byte ^ 0xFF for byte in held))
