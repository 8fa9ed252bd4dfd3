"""The units as systemd itself reads them, and the traps that it cannot see."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hardware.board import BOARDS

UNITS = Path(__file__).parents[2] / "provisioning" / "units"
EDGE, RELAYS_OFF = "loaxa-edge.service", "loaxa-relays-off.service"
INSTALLED_AT = "/opt/loaxa/.venv/bin"
MOST_EXPOSED = 30
"""systemd-analyze's figure times ten; 0 is a service that reaches nothing."""
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is missing: run scripts/setup test (Debian's package systemd)",
)


def lines(unit: str) -> list[str]:
    text = (UNITS / unit).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith(("#", "["))]


def values(unit: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in lines(unit) if line.startswith(f"{key}=")]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as on a Pi, but with this environment's programs."""
    bin_folder = str(Path(sys.executable).parent)
    for unit in (EDGE, RELAYS_OFF):
        text = (UNITS / unit).read_text(encoding="utf-8")
        (tmp_path / unit).write_text(text.replace(INSTALLED_AT, bin_folder), encoding="utf-8")
    return tmp_path


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@needs_systemd
def test_systemd_finds_nothing_to_say(installed: Path) -> None:
    said = analyze("verify", installed / EDGE, installed / RELAYS_OFF)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


@needs_systemd
def test_systemd_would_say_what_is_wrong(installed: Path) -> None:
    unit = installed / EDGE
    unit.write_text(unit.read_text().replace("WatchdogSec=60", "WatchdogSecs=60"))
    assert "'WatchdogSecs'" in analyze("verify", unit).stderr


@needs_systemd
def test_the_agent_reaches_little(installed: Path) -> None:
    said = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", installed / EDGE)
    assert said.returncode == 0, said.stdout


def test_relays_are_off_before_the_agent_and_whenever_it_does_not_run() -> None:
    (before,), (after,) = values(EDGE, "ExecStartPre"), values(EDGE, "ExecStopPost")
    (early,) = values(RELAYS_OFF, "ExecStart")
    assert before == after == early
    assert "-m hardware.relays_off --config /etc/loaxa/edge.toml" in before
    assert not before.startswith("-"), "an agent whose relays cannot be switched must not start"


def test_the_agent_is_never_given_up_and_never_waits_for_a_network() -> None:
    assert values(EDGE, "Restart") == ["always"]
    assert values(EDGE, "StartLimitIntervalSec") == ["0"]
    ordering = [*values(EDGE, "After"), *values(EDGE, "Wants"), *values(EDGE, "Requires")]
    assert ordering
    assert "network" not in " ".join(ordering)


def test_the_clock_may_be_asked_and_devices_stay_visible() -> None:
    """adjtimex(2) says whether the clock is synchronised: refused, nothing timed would ever play."""
    allowed = [one for one in values(EDGE, "SystemCallFilter") if not one.startswith("~")]
    assert {"adjtimex", "clock_adjtime"} <= set(" ".join(allowed).split())
    assert values(EDGE, "SystemCallFilter")[-1] == allowed[-1], "a later refusal would win"
    for hides in ("ProtectClock", "PrivateDevices", "PrivateUsers"):
        assert values(EDGE, hides) == []
    assert {"char-gpiochip rw", "char-alsa rw"} <= set(values(EDGE, "DeviceAllow"))


def test_the_relays_early_unit_waits_for_nothing_slow() -> None:
    assert values(RELAYS_OFF, "DefaultDependencies") == ["no"]
    assert values(RELAYS_OFF, "After") == []
    assert "sysinit.target" in values(RELAYS_OFF, "Before")[0].split()
    assert values(RELAYS_OFF, "WantedBy") == ["sysinit.target"]


def test_the_hardware_watchdog_fits_the_chip() -> None:
    (wished_s,) = values("loaxa-watchdog.conf", "RuntimeWatchdogSec")
    assert int(wished_s) < 0xFFFFF / 65536


def test_the_boot_program_drives_every_relay_off() -> None:
    text = (UNITS / "loaxa-config.txt").read_text(encoding="utf-8")
    driven = set(re.findall(r"(?m)^gpio=(\d+)=op,(dl|dh)$", text))
    relays = [relay for board in BOARDS.values() for relay in board.relays]
    assert driven == {(str(pin.gpio), "dl" if pin.active_high else "dh") for pin in relays}


def test_every_group_of_the_agent_is_made() -> None:
    made = " ".join(lines("loaxa-sysusers.conf"))
    for group in values(EDGE, "SupplementaryGroups")[0].split():
        assert f"m loaxa {group}" in made
