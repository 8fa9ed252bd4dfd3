from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from contract.ports import ClockTrust
from contract.status import Reported
from edge.app import main
from edge.shell.checking import (
    Answer,
    LogIn,
    judge_broker,
    judge_libvlc,
    judge_log_in,
    judge_media,
    judge_no_agent,
    judge_status,
)
from edge.shell.config import EdgeConfig, HubAddress
from edge.shell.status_file import Status, StatusFile
from hardware.verdict import Verdict, line_of

NO_PINS = not Path("/dev/gpiochip0").exists()
REPORTED = Reported(
    at=datetime.fromisoformat("2026-11-24T17:00:00+07:00"),
    boot="b",
    software="0.1.0",
    board="cabinet-v1",
    relays={"amp": True},
    arrester_ok=True,
    clock_trust=ClockTrust.RTC,
)
HUB = HubAddress(mqtt_host="hub", mqtt_port=1883, media_url="http://hub", password="x", keys=())
URL = "http://hub"

# Judging


@pytest.mark.parametrize(
    ("verdict", "found"),
    [
        (judge_libvlc("3.0.21"), "3.0.21"),
        (judge_broker(HUB, ""), "hub:1883 answers"),
        (judge_log_in("bl-01", LogIn.TAKEN), "as bl-01"),
        (judge_media(URL, Answer(status=404)), "http://hub answers"),
        (judge_media(URL, Answer(status=200)), "http://hub answers"),
    ],
)
def test_what_is_well_holds(verdict: Verdict, found: str) -> None:
    assert verdict.holds
    assert found in verdict.found.en
    assert verdict.advice is None


@pytest.mark.parametrize(
    ("verdict", "found", "advice"),
    [
        (judge_libvlc(None), "not installed", "apt-get install libvlc5"),
        (judge_broker(HUB, "No route"), "(No route)", "SIM"),
        (judge_log_in("bl-01", LogIn.REFUSED), "password", "configuration again"),
        (judge_log_in("bl-01", LogIn.SILENT), "does not answer", "mqtt_port"),
        (judge_media(URL, Answer(status=401)), "password", "configuration again"),
        (judge_media(URL, Answer(status=403)), "password", "configuration again"),
        (judge_media(URL, Answer(status=502)), "HTTP 502", "media_url"),
        (judge_media(URL, Answer(why="timed out")), "timed out", "media_url"),
    ],
)
def test_a_fault_comes_with_what_to_do(verdict: Verdict, found: str, advice: str) -> None:
    assert not verdict.holds
    assert found in verdict.found.en
    assert verdict.advice is not None
    assert advice in verdict.advice.en
    assert verdict.advice.vi != verdict.advice.en


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({}, []),
        ({"arrester_ok": False}, ["Surge arrester"]),
        ({"arrester_ok": None}, ["Surge arrester"]),
        ({"clock_trust": ClockTrust.UNKNOWN}, ["Clock"]),
        ({"relays": {}}, []),
        ({"faults": ("under_voltage", "card_worn")}, ["Cabinet", "Cabinet"]),
        ({"faults": ("arrester_failed",), "arrester_ok": False}, ["Surge arrester"]),
        ({"faults": ("moon_full",)}, ["Cabinet"]),
    ],
)
def test_a_running_agents_report_is_judged(changes: dict[str, Any], faults: list[str]) -> None:
    status = Status(reported=replace(REPORTED, **changes), link_up=True, agent=os.getpid())
    verdicts = list(judge_status(status))
    assert [verdict.part.en for verdict in verdicts if not verdict.holds] == faults


# The command

Check = Callable[..., Awaitable[tuple[int, dict[str, str]]]]
TOML = """
commune = "{0.commune}"
cluster = "{0.cluster}"
board = "{0.board}"
[hub]
mqtt_host = "{0.hub.mqtt_host}"
mqtt_port = {0.hub.mqtt_port}
media_url = "{0.hub.media_url}"
password = "{0.hub.password}"
keys = ["{0.hub.keys[0]}"]
"""


@pytest.fixture
def check(
    config: EdgeConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str], media: Any
) -> Check:
    """`loaxa-edge check --english` against the broker's port and the media server."""
    path = tmp_path / "edge.toml"

    async def run(*more: str, password: str = config.hub.password) -> tuple[int, dict[str, str]]:
        hub = replace(config.hub, media_url=media.url, password=password)
        path.write_text(TOML.format(replace(config, hub=hub)))
        state = str(tmp_path / "state")
        arguments = ["check", "--english", "--config", str(path), "--state", state, *more]
        code = await asyncio.to_thread(main, arguments)
        lines = capsys.readouterr().out.splitlines()
        return code, {part[6:]: part[:5].strip() for part in (line.split(":")[0] for line in lines)}

    return run


@pytest.fixture
def agent(tmp_path: Path) -> Callable[[bool], None]:
    """An agent that runs has written its status."""

    def write(link_up: bool) -> None:
        StatusFile(tmp_path / "state" / "run" / "status.json").write(REPORTED, link_up=link_up)

    return write


@pytest.fixture
def broker_conf(tmp_path: Path, free_port: int) -> Path:
    """A broker that knows bl-01 by the password `secret`, and logs who comes."""
    users, conf, log = tmp_path / "passwd", tmp_path / "guarded.conf", tmp_path / "broker.log"
    subprocess.run(["mosquitto_passwd", "-c", "-b", users, "bl-01", "secret"], check=True)
    conf.write_text(
        f"user {pwd.getpwuid(os.geteuid()).pw_name}\nlistener {free_port} 127.0.0.1\n"
        f"allow_anonymous false\npassword_file {users}\n"
        f"use_username_as_clientid true\nlog_dest file {log}\n"
    )
    return conf


@pytest.fixture
async def guarded_broker(
    broker_conf: Path, free_port: int, eventually: Any
) -> AsyncIterator[Callable[[], str]]:
    """Runs it; gives its log."""
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert program, "Mosquitto is missing: run scripts/setup test"
    broker = await asyncio.create_subprocess_exec(program, "-c", str(broker_conf))
    try:
        await eventually(lambda: answers(free_port))
        yield (broker_conf.parent / "broker.log").read_text
    finally:
        broker.terminate()
        await broker.wait()


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@pytest.mark.broker
async def test_all_is_well(
    check: Check, agent: Any, guarded_broker: Callable[[], str], eventually: Any
) -> None:
    agent(link_up=False)
    code, parts = await check()
    assert (code, set(parts.values())) == (0, {"ok"})
    assert {"Agent", "Surge arrester", "Way to the hub", "Log-in", "Sound store"} <= set(parts)
    await eventually(lambda: "bl-01" in guarded_broker())


@pytest.mark.broker
async def test_a_wrong_password_is_found(
    check: Check, agent: Any, guarded_broker: Callable[[], str]
) -> None:
    agent(link_up=False)
    code, parts = await check(password="wrong")
    assert (code, parts["Way to the hub"], parts["Log-in"]) == (1, "ok", "FAULT")


@pytest.mark.broker
async def test_an_agent_on_the_link_is_not_thrown_out(
    check: Check, agent: Any, guarded_broker: Callable[[], str]
) -> None:
    agent(link_up=True)
    _, parts = await check()
    assert parts["Log-in"] == "ok"
    assert "bl-01" not in guarded_broker()


async def test_a_hub_that_does_not_know_the_cluster_is_found(
    check: Check, agent: Any, media: Any
) -> None:
    agent(link_up=False)
    media.script.append("status 401")
    code, parts = await check()
    assert (code, parts["Sound store"]) == (1, "FAULT")
    assert media.headers[0]["Authorization"].startswith("Basic ")


async def test_without_a_broker_no_log_in_is_tried(check: Check, agent: Any) -> None:
    agent(link_up=False)
    code, parts = await check()
    assert (code, parts["Way to the hub"]) == (1, "FAULT")
    assert "Log-in" not in parts


@pytest.mark.sound
async def test_without_an_agent_the_cabinet_itself_is_read_and_stays_silent(
    check: Check, tmp_path: Path, eventually: Any
) -> None:
    folder = tmp_path / "cabinet"
    command = [sys.executable, "-m", "hardware.simulated.cabinet", "--cluster", "bl-01", "--dir"]
    cabinet = await asyncio.create_subprocess_exec(*command, str(folder))
    try:
        await eventually((folder / "cabinet.sock").exists)
        _, parts = await check("--simulated", str(folder))
    finally:
        cabinet.terminate()
        await cabinet.wait()
    assert next(iter(parts.items())) == ("Agent", "FAULT")
    own = ["Surge arrester", "Surge counter", "Sound", "Clock"]
    assert {part: parts[part] for part in own} == dict.fromkeys(own, "ok")
    assert '"level": 1' not in (folder / "pins.jsonl").read_text()


@pytest.mark.skipif(not NO_PINS, reason="this machine has pins, which are not to be touched")
async def test_a_machine_without_pins_is_a_fault_of_the_cabinet(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # lgpio leaves a pipe where it is loaded
    code, parts = await check()
    assert (code, parts["GPIO pins"]) == (1, "FAULT")
    assert next(iter(parts.items())) == ("Agent", "FAULT")


def test_a_fault_is_said_in_vietnamese_unless_english_is_asked_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, config: EdgeConfig, agent: Any
) -> None:
    agent(link_up=False)
    path = tmp_path / "edge.toml"
    path.write_text(TOML.format(config))
    assert main(["check", "--config", str(path), "--state", str(tmp_path / "state")]) == 1
    assert "LỖI   Đường truyền về xã: không nối được 127.0.0.1" in capsys.readouterr().out


def test_without_an_agent_it_says_how_to_start_it() -> None:
    here, simulated = judge_no_agent(None), judge_no_agent(Path("cabinet"))
    assert line_of(here, english=False).startswith("LỖI   Chương trình: không chạy")
    assert line_of(here, english=False).endswith("→ hãy chạy: systemctl start loaxa-edge")
    assert line_of(simulated, english=True).endswith("run: loaxa-edge run --simulated cabinet")


@pytest.mark.parametrize("verb", ["check", "status"])
def test_whoever_reads_no_further_gets_no_complaint(
    tmp_path: Path, config: EdgeConfig, agent: Any, verb: str
) -> None:
    agent(link_up=False)
    path = tmp_path / "edge.toml"
    path.write_text(TOML.format(config))
    reader, writer = os.pipe()
    os.close(reader)
    words = [verb, "--config", str(path), "--state", str(tmp_path / "state")]
    command = [sys.executable, "-m", "edge.app", *words]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_mistakes_are_one_line_and_two(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, config: EdgeConfig
) -> None:
    path = tmp_path / "edge.toml"
    absent = str(tmp_path / "absent.toml")
    path.write_text(TOML.format(config))
    for arguments in (["--config", absent], ["--config", str(path), "--simulated", str(tmp_path)]):
        assert main(["check", *arguments]) == 2
        out, error = capsys.readouterr()
        assert out == ""
        assert len(error.splitlines()) == 1
