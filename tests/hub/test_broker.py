from __future__ import annotations

import asyncio
import base64
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from contract.topics import FROM_CLUSTER, TO_CLUSTER, Kind
from hub.broker import Broker
from hub.broker_users import mosquitto_hash
from hub.clock import SystemClock
from hub.compose import Parts
from hub.errors import HubError
from hub.settings import split_address
from hub.store import clusters

pytestmark = pytest.mark.broker
ROOT = "loaxa/v1/binh-lu"


async def connects(connect: Any, name: str, password: str) -> bool:
    try:
        async with connect(name, password):
            return True
    except aiomqtt.MqttError:
        return False


def test_our_hash_is_the_one_mosquitto_writes(tmp_path: Path) -> None:
    file = tmp_path / "passwd"
    command = ["mosquitto_passwd", "-c", "-b", str(file), "bl-01", "mật khẩu"]
    subprocess.run(command, check=True, capture_output=True)
    _, _, theirs = file.read_text().strip().partition(":")
    salt = theirs.split("$")[3]
    assert mosquitto_hash("mật khẩu", base64.b64decode(salt)) == theirs


async def test_only_known_names_with_their_secret_may_connect(
    village: Any, broker: Any, connect: Any
) -> None:
    secret = await village.cluster("bl-01")
    await take_in(village.parts, broker)
    await until(lambda: connects(connect, "bl-01", secret))
    assert await connects(connect, "hub", "hub-secret")
    assert not await connects(connect, "bl-01", secret + "x")
    assert not await connects(connect, "bl-02", secret)
    assert not await connects(connect, "", "")


async def take_in(parts: Parts, broker: Broker) -> None:
    broker.write_users(await parts.store.read(clusters.mosquitto_hashes))


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.fixture
async def two(village: Any, broker: Any, connect: Any) -> dict[str, str]:
    """Secrets of two clusters that the broker knows."""
    secrets = {name: await village.cluster(name) for name in ("bl-01", "bl-02")}
    await take_in(village.parts, broker)
    await until(lambda: connects(connect, "bl-02", secrets["bl-02"]))
    return secrets


async def heard(client: aiomqtt.Client, last: str) -> list[str]:
    """Topics that come, up to and without `last`."""
    topics: list[str] = []
    async with asyncio.timeout(20):
        async for message in client.messages:
            if str(message.topic) == last:
                return topics
            topics.append(str(message.topic))
    return topics


async def test_a_cluster_reads_only_what_is_its_own(two: dict[str, str], connect: Any) -> None:
    async with connect("hub", "hub-secret") as hub, connect("bl-01", two["bl-01"]) as cluster:
        for kind in TO_CLUSTER:
            await hub.publish(f"{ROOT}/bl-02/{kind}", b"x", qos=1, retain=True)
        await cluster.subscribe("#", qos=1)
        await cluster.subscribe(f"{ROOT}/bl-02/desired", qos=1)
        for kind in Kind:
            await hub.publish(f"{ROOT}/bl-02/{kind}", b"x", qos=1)
        for kind in Kind:
            await hub.publish(f"{ROOT}/bl-01/{kind}", b"x", qos=1)
        await hub.publish(f"{ROOT}/hub-state", b"x", qos=1)
        await hub.publish(f"{ROOT}/command", b"end", qos=1)
        topics = await heard(cluster, f"{ROOT}/command")
    assert set(topics) == {f"{ROOT}/bl-01/{kind}" for kind in TO_CLUSTER} | {f"{ROOT}/hub-state"}


async def test_a_cluster_writes_only_what_is_its_own(two: dict[str, str], connect: Any) -> None:
    forbidden = [f"{ROOT}/bl-02/{kind}" for kind in Kind]
    forbidden += [f"{ROOT}/bl-01/{kind}" for kind in TO_CLUSTER]
    forbidden += [f"{ROOT}/command", f"{ROOT}/hub-state", "loaxa/v1/other/bl-01/beat", "x"]
    async with connect("hub", "hub-secret") as hub, connect("bl-01", two["bl-01"]) as cluster:
        await hub.subscribe("#", qos=1)
        for topic in forbidden:
            await cluster.publish(topic, b"x", qos=1)
        for kind in FROM_CLUSTER:
            await cluster.publish(f"{ROOT}/bl-01/{kind}", b"x", qos=1)
        topics = await heard(hub, f"{ROOT}/bl-01/{FROM_CLUSTER[-1]}")
    assert topics == [f"{ROOT}/bl-01/{kind}" for kind in FROM_CLUSTER[:-1]]


async def test_a_cluster_cannot_take_over_anothers_session(
    two: dict[str, str], connect: Any
) -> None:
    async with connect("bl-01", two["bl-01"], identifier="same") as cluster:
        async with connect("bl-02", two["bl-02"], identifier="same"):
            await cluster.subscribe(f"{ROOT}/hub-state", qos=1)
        async with connect("hub", "hub-secret") as hub:
            await hub.publish(f"{ROOT}/hub-state", b"x", qos=1)
        assert await heard(cluster, f"{ROOT}/hub-state") == []


async def test_a_port_in_use_is_one_clear_line(parts: Parts) -> None:
    host, port = split_address(parts.settings.mqtt.address)
    broker = Broker(
        parts.state.broker, parts.settings.mqtt.address, parts.settings.commune, "x", SystemClock()
    )
    broker.write_users({})
    with socket.socket() as other:
        other.bind((host, port))
        other.listen()
        with pytest.raises(HubError, match=f"port {port} is in use"):
            await broker.start()


async def test_a_broker_that_dies_is_started_again(
    parts: Parts, broker: Any, connect: Any, running: Any
) -> None:
    async with running(broker.run()):
        os.kill(mosquitto_of(parts), signal.SIGKILL)
        await until(lambda: connects(connect, "hub", "hub-secret"))
    assert await connects(connect, "hub", "hub-secret")


async def test_the_log_is_put_aside_before_it_fills_the_disk(
    parts: Parts, broker: Any, connect: Any, running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.broker.MAX_LOG_BYTES", 5000)
    monkeypatch.setattr("hub.broker.LOG_LOOK_S", 0.05)
    file = parts.state.broker / "mosquitto.log"
    aside = parts.state.broker / "mosquitto.log.1"

    async def put_aside() -> bool:
        await connects(connect, "hub", "hub-secret")
        return aside.exists() and file.exists()

    async with running(broker.run()):
        await until(put_aside)
        aside.unlink()
        await until(put_aside)
    assert sorted(one.name for one in parts.state.broker.glob("mosquitto.log*")) == [
        "mosquitto.log",
        "mosquitto.log.1",
    ]


async def test_a_large_log_is_put_aside_at_the_start(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.broker.MAX_LOG_BYTES", 5000)
    file = parts.state.broker / "mosquitto.log"
    file.write_bytes(b"x" * 5001)
    made = Broker(
        parts.state.broker, parts.settings.mqtt.address, parts.settings.commune, "x", SystemClock()
    )
    made.write_users({})
    await made.start()
    await made.stop()
    assert file.stat().st_size < 5000
    assert (parts.state.broker / "mosquitto.log.1").stat().st_size == 5001


def mosquitto_of(parts: Parts) -> int:
    """Process id of the Mosquitto that runs from this hub's configuration."""
    wanted = str(parts.state.broker / "mosquitto.conf").encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if wanted in words:
            return int(folder.name)
    raise AssertionError("no Mosquitto runs")


@pytest.mark.parametrize("how", ["cut", "zeros", "garbage"])
async def test_a_broken_memory_is_put_aside_and_the_broker_starts(
    village: Any, broker: Any, connect: Any, how: str
) -> None:
    async with connect("hub", "hub-secret") as client:
        await client.publish(f"{ROOT}/bl-01/desired", b"x" * 3000, qos=1, retain=True)
    await broker.stop()
    memory = village.parts.state.broker / "mosquitto.db"
    whole = memory.read_bytes()
    assert b"x" * 3000 in whole
    broken = {"cut": whole[: len(whole) // 2], "zeros": bytes(len(whole)), "garbage": b"no" * 99}
    memory.write_bytes(broken[how])
    await broker.start()
    assert await connects(connect, "hub", "hub-secret")
    assert memory.with_name("mosquitto.db.broken").read_bytes() == broken[how]
