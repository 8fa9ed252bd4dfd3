"""`loaxa-bench run`: one scenario in real time, judged by what the horns emitted."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

from hardware.chime import chime
from hardware.clock import SystemClock
from provisioning.bench.cluster_site import RECORDED
from provisioning.bench.errors import BenchError, HubRefusedError
from provisioning.bench.evidence import NS, Evidence, FleetChange, Source, read_horn
from provisioning.bench.happenings import word as happening_word
from provisioning.bench.hub_api import ClusterState, HubApi, HubGoneError, IngestedBulletin, Json
from provisioning.bench.perform import Performer
from provisioning.bench.processes import check_tools, until
from provisioning.bench.read_scenario import read_scenario
from provisioning.bench.report import Report, write_journals, write_report
from provisioning.bench.rig import Rig
from provisioning.bench.scenario import CHIME, Expectation, Scenario
from provisioning.bench.sounds import decode, make_if_missing, writable_folder
from provisioning.bench.watching import Watch, in_words

Job = Callable[[], Coroutine[Any, Any, None]]

LEAD_S = 3.0
"""Plan and sounds are held so long before `at_s` = 0: longer than an amplifier's warm-up."""
FIRST_MARGIN_S = 6.0
LONGER_MARGIN = 1.6
MAX_MARGIN_S = 180.0
TAIL_S = 1.5
"""The horn writes so far behind real time."""
DELIVERY_S = 3.0
"""How long rows on their way are waited for after the end, where they can come."""


class ScenarioRun:
    """One run of one scenario.

    Args:
        scenario: What to do.
        out: Folder that takes what is left behind.
        say: Told what goes on, a line at a time.
    """

    def __init__(self, scenario: Scenario, out: Path, say: Callable[[str], None]) -> None:
        self._scenario = scenario
        self._out = out
        self._say = say
        self._clock = SystemClock()
        self._t0_ns = 0
        self._sources: dict[str, Source] = {}
        self._bulletins: dict[str, IngestedBulletin] = {}
        self._troubles: list[str] = []
        self._changes: list[FleetChange] = []

    async def run(self) -> Report:
        """Runs it; what it left behind is in the folder.

        Raises:
            BenchError: It cannot be run.
        """
        scenario = self._scenario
        for bulletin in scenario.bulletins:
            await make_if_missing(scenario.sound_path(bulletin))
        clear_folder(self._out)
        state = self._out / "state"
        rig = Rig(
            self._out,
            state,
            scenario.cluster_names,
            say=self._say,
            quiet_hours=scenario.quiet_hours,
            boards=scenario.boards,
            seed=scenario.seed,
            modem_cycle_after_s=scenario.modem_cycle_after_s,
            scrub_every_s=scenario.scrub_every_s,
        )
        async with rig:
            performer, journal = await self._on(rig)
        evidence = self._evidence(performer, journal)
        write_journals(self._out, scenario, journal)
        report = Report.of(scenario, evidence, self._t0_ns, self._bulletins, self._troubles)
        write_report(self._out / "report.json", report)
        return report

    async def _on(self, rig: Rig) -> tuple[Performer, list[Json]]:
        await rig.until_all("the clusters to come online", lambda state: state.online)
        self._say("all clusters online")
        await self._ingest(rig.hub.api)
        performer = Performer(self._scenario, rig, self._bulletins)
        await self._choose_start(rig, performer)
        watch = Watch(rig.hub.api, self._at_s, self._note)
        watching = asyncio.create_task(watch.run())
        try:
            await self._live_through(performer)
            self._changes = watch.changes
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        return performer, await self._journal(rig.hub.api)

    async def _ingest(self, api: HubApi) -> None:
        for one in self._scenario.bulletins:
            path = self._scenario.sound_path(one)
            try:
                made = await api.upload(path, one.id, one.priority, one.pack or "")
            except HubRefusedError as error:
                raise BenchError(f"bulletin {one.id!r}: {path}: {error}") from error
            except OSError as error:
                raise BenchError(f"{path}: cannot be read: {error.strerror}") from error
            self._bulletins[one.id] = made
            samples = await decode(await api.sound(made.sha256), one.id)
            self._sources[one.id] = Source(made.id, samples)
            self._say(f"ingested {one.id}: {made.duration_ms / 1000:.1f} s, {made.size_bytes} B")
        if any(CHIME in _sounds_of(one) for one in self._scenario.expectations):
            self._sources[CHIME] = Source("", await decode(chime(), CHIME))

    # at_s = 0

    async def _choose_start(self, rig: Rig, performer: Performer) -> None:
        """Plans for an instant ahead; later again when plan and sounds are not held in good time."""
        early = [n for n, slot in enumerate(self._scenario.slots) if slot.push_at_s is None]
        margin_s = FIRST_MARGIN_S
        while True:
            self._t0_ns = self._clock.epoch_ns() + round(margin_s * NS)
            for number in early:
                await performer.push(number, self._t0())
            try:
                await rig.until_all("plan and sounds", _holds_all, timeout_s=margin_s - LEAD_S)
            except BenchError:
                rig.check()
                margin_s *= LONGER_MARGIN
                if margin_s > MAX_MARGIN_S:
                    raise
                self._say(f"not all clusters hold plan and sounds; start in {margin_s:.0f} s")
                continue
            break
        self._say(f"every cluster holds plan and sounds; at_s = 0 in {-self._at_s():.1f} s")
        await self._until(0.0)

    def _t0(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self._t0_ns // 1000)

    def _at_s(self) -> float:
        return (self._clock.epoch_ns() - self._t0_ns) / NS

    async def _until(self, at_s: float) -> None:
        # The host's clock may be set meanwhile; what counts is what it says at the end.
        while (wait_s := at_s - self._at_s()) > 0:  # noqa: ASYNC110 - a moment, no event
            await asyncio.sleep(wait_s)

    # From at_s = 0 on

    async def _live_through(self, performer: Performer) -> None:
        doing: set[asyncio.Task[None]] = set()
        for at_s, words, job in self._agenda(performer):
            if at_s > self._scenario.duration_s:
                break
            await self._until(at_s)
            self._say(f"{at_s:7.2f} s  {words}")
            doing.add(asyncio.create_task(self._try(words, job)))
        await self._until(self._scenario.duration_s)
        if doing:
            await asyncio.wait(doing)
        for task in doing:
            task.result()
        await self._until(self._scenario.duration_s + TAIL_S)

    def _agenda(self, performer: Performer) -> list[tuple[float, str, Job]]:
        """What to do when, in order."""
        jobs: list[tuple[float, str, Job]] = []
        for number, slot in enumerate(self._scenario.slots):
            if slot.push_at_s is not None:
                words = f"push {slot.bulletin} for {slot.at_s:g} s"
                jobs.append((slot.push_at_s, words, partial(performer.push, number, self._t0())))
        for event in self._scenario.events:
            words = " ".join((happening_word(event), *_told(getattr(event, "cluster", ()))))
            jobs.append((event.at_s, words, partial(performer.perform, event, self._t0())))
        return sorted(jobs, key=itemgetter(0))

    async def _try(self, words: str, job: Job) -> None:
        """A hub that is gone refuses nothing: what could not be done is told in the report."""
        try:
            await job()
        except HubGoneError as error:
            self._troubles.append(f"{words}: {error}")
            self._say(f"           {words}: {error}")

    def _note(self, changes: Sequence[FleetChange]) -> None:
        for line in in_words(changes, self._scenario.clusters):
            self._say(f"{changes[0].at_s:7.2f} s  {line}")

    # Afterwards

    async def _journal(self, api: HubApi) -> list[Json]:
        """Rows once all that can be delivered is there; none when the hub is gone."""

        async def delivered() -> bool:
            try:
                states = await api.clusters()
            except HubGoneError:
                return True
            return not any(
                one.online and one.reported and one.reported.journal_waiting for one in states
            )

        with suppress(BenchError):
            await until(delivered, "the journal", timeout_s=DELIVERY_S)
        try:
            return await api.journal()
        except HubGoneError as error:
            self._troubles.append(f"journal: {error}")
            return []

    def _evidence(self, performer: Performer, journal: list[Json]) -> Evidence:
        return Evidence(
            horns={
                name: read_horn(self._out / name, self._t0_ns)
                for name in self._scenario.cluster_names
            },
            sources=self._sources,
            slots=performer.slot_ids(),
            journal=journal,
            changes=self._changes,
        )


def _holds_all(state: ClusterState) -> bool:
    return state.holds_all


def _sounds_of(expected: Expectation) -> tuple[str, ...]:
    return (getattr(expected, "heard", ""), getattr(expected, "not_heard", ""))


def _told(cluster: str | tuple[str, ...]) -> tuple[str, ...]:
    return (cluster,) if isinstance(cluster, str) else cluster


def clear_folder(out: Path) -> None:
    """Removes what an earlier run left in the folder, and nothing else.

    Raises:
        BenchError: It cannot be written to.
    """
    writable_folder(out)
    try:
        for name in ("report.json", "hub.log"):
            (out / name).unlink(missing_ok=True)
        shutil.rmtree(out / "state", ignore_errors=True)
        for folder in out.glob("bl-*"):
            if folder.is_dir() and any((folder / name).exists() for name in RECORDED):
                shutil.rmtree(folder)
    except OSError as error:
        raise BenchError(f"{error.filename}: cannot be removed: {error.strerror}") from error


async def run_scenario(path: Path, out: Path, say: Callable[[str], None]) -> Report:
    """Reads, runs and judges a scenario.

    Raises:
        BenchError: It or its input was refused, or the rig does not run.
    """
    scenario = read_scenario(path)
    check_tools()
    return await ScenarioRun(scenario, out, say).run()
