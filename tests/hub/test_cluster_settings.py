from __future__ import annotations

from typing import Any

import pytest

from contract.codec import open_signed
from contract.ids import ClusterId
from contract.model import DailyWindow, Desired, Fetching
from hub.app import parser
from hub.cli.cluster_settings import change
from hub.compose import Parts, compose
from hub.core.model import ClusterSettings
from hub.errors import HubError
from hub.state_dir import StateDir
from hub.store import plans

BL_01 = ClusterId("bl-01")
NIGHT = DailyWindow(start="22:00", end="05:00")


async def plan(parts: Parts) -> Desired:
    (newest,) = await parts.store.read(plans.newest)
    return open_signed(newest.note, Desired, (parts.signer.verifier,))


async def test_settings_reach_the_plan_and_are_noted(any_village: Any) -> None:
    await any_village.cluster("bl-01")
    clusters = any_village.operations.clusters
    wanted = ClusterSettings(
        volume_pct=70, download_windows=("22:00-05:00",), monthly_mib=500, maintenance=True
    )
    await clusters.change(BL_01, wanted, by="hoa")
    desired = await plan(any_village.parts)
    assert (desired.version, desired.volume_pct, desired.maintenance) == (2, 70, True)
    assert desired.fetching == Fetching(windows=(NIGHT,), monthly_mib=500)
    (view,) = await clusters.views()
    assert (view.maintenance, view.monthly_mib) == (True, 500)
    (noted,) = [
        one for one in await any_village.operations.journal.audit() if one.what == "cluster.set"
    ]
    assert "maintenance=True" in noted.detail


async def test_only_what_is_named_changes_and_no_change_issues_nothing(any_village: Any) -> None:
    await any_village.cluster("bl-01")
    clusters = any_village.operations.clusters
    await clusters.change(BL_01, ClusterSettings(monthly_mib=300), by="t")
    await clusters.change(BL_01, ClusterSettings(maintenance=True), by="t")
    await clusters.change(BL_01, ClusterSettings(maintenance=True), by="t")
    desired = await plan(any_village.parts)
    assert (desired.version, desired.maintenance, desired.fetching.monthly_mib) == (3, True, 300)
    with pytest.raises(HubError, match="bl-09"):
        await clusters.change(ClusterId("bl-09"), ClusterSettings(maintenance=True), by="t")


async def test_the_communes_rules_hold_unless_a_cluster_has_its_own(
    village: Any, state: StateDir
) -> None:
    await village.cluster("bl-01")
    text = state.settings.read_text()
    rules = 'volume_pct = 80\ndownload_windows = ["22:00-05:00"]\nmonthly_mib = 400'
    state.settings.write_text(text.replace("volume_pct = 80", rules))
    again = compose(state, village.parts.clock)
    try:
        await again.store.write(lambda c: again.issuer.issue(c, again.clock.now()))
        assert (await plan(again)).fetching == Fetching(windows=(NIGHT,), monthly_mib=400)
        clusters = again.operations.clusters
        own = ClusterSettings(download_windows=(), monthly_mib=0)
        await clusters.change(BL_01, own, by="t")
        assert (await plan(again)).fetching == Fetching()
        back = ClusterSettings(download_windows=None, monthly_mib=None)
        await clusters.change(BL_01, back, by="t")
        assert (await plan(again)).fetching == Fetching(windows=(NIGHT,), monthly_mib=400)
    finally:
        again.store.close()


def _words(parts: Parts, *options: str) -> Any:
    return parser().parse_args(
        ["cluster", "set", "bl-01", "--state", str(parts.state.root), *options]
    )


async def test_the_verb(village: Any, capsys: pytest.CaptureFixture[str]) -> None:
    await village.cluster("bl-01")
    options = ["--volume", "70", "--download-window", "22:00-05:00", "--monthly-mib", "500"]
    await change(_words(village.parts, *options, "--maintenance", "on"))
    told = capsys.readouterr()
    assert told.out == (
        "bl-01: volume 70 %, download window 22:00-05:00, monthly MiB 500, maintenance on\n"
    )
    assert "the hub does not run" in told.err
    lifted = ["--download-window", "any", "--monthly-mib", "usual", "--maintenance", "off"]
    await change(_words(village.parts, *lifted))
    assert capsys.readouterr().out == (
        "bl-01: volume 70 %, download window any, monthly MiB usual, maintenance off\n"
    )


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--volume", "140"),
        ("--volume", "-3"),
        ("--volume", "x"),
        ("--monthly-mib", "much"),
        ("--download-window", "9pm"),
        ("--download-window", "any", "--download-window", "22:00-05:00"),
    ],
)
async def test_what_makes_no_sense_is_one_line(village: Any, options: tuple[str, ...]) -> None:
    await village.cluster("bl-01")
    with pytest.raises(HubError) as refused:
        await change(_words(village.parts, *options))
    assert "\n" not in str(refused.value)
