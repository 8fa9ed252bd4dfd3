from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path
from typing import Any

import pytest

from edge.shell.config import load_config
from hub.app import main, parser
from hub.cli import clusters as verbs
from hub.compose import Parts
from hub.errors import HubError
from hub.keys import read_recovery_public


def words(parts: Parts, *verb: str, out: Path) -> Any:
    return parser().parse_args(
        ["cluster", *verb, "--state", str(parts.state.root), "--out", str(out)]
    )


def is_secret(parts: Parts, name: str, secret: str) -> Any:
    return parts.operations.clusters.is_secret(name, secret)


async def test_a_package_carries_both_keys_and_the_edge_reads_it(
    parts: Parts, tmp_path: Path
) -> None:
    out = tmp_path / "bl-01.toml"
    await verbs.add(words(parts, "add", "bl-01", "--board", "fm-bridge", out=out))
    config = load_config(out)
    recovery = read_recovery_public(parts.state.recovery_public)
    assert config.hub.recovery_key == recovery.encode()
    assert config.verifier_keys() == (parts.signer.verifier,)
    assert await is_secret(parts, "bl-01", config.hub.password)


async def test_a_renewed_cluster_has_a_new_password_and_its_old_board(
    parts: Parts, tmp_path: Path
) -> None:
    out = tmp_path / "bl-01.toml"
    await verbs.add(words(parts, "add", "bl-01", "--board", "fm-bridge", out=out))
    old = load_config(out)
    await verbs.renew(words(parts, "renew", "bl-01", out=out))
    new = load_config(out)
    assert (new.board, new.cluster) == ("fm-bridge", "bl-01")
    assert await is_secret(parts, "bl-01", new.hub.password)
    assert not await is_secret(parts, "bl-01", old.hub.password)


async def test_only_a_known_cluster_is_renewed(parts: Parts, tmp_path: Path) -> None:
    out = tmp_path / "bl-77.toml"
    with pytest.raises(HubError, match="there is no cluster: bl-77"):
        await verbs.renew(words(parts, "renew", "bl-77", out=out))
    assert not out.exists()


@pytest.mark.parametrize("place", [".", "missing/bl-01.toml", "file/bl-01.toml"])
async def test_a_package_that_cannot_be_written_makes_no_secret(
    parts: Parts, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_text("no folder")
    out = tmp_path / place
    with pytest.raises(HubError):
        await verbs.add(words(parts, "add", "bl-01", out=out))
    assert await parts.operations.clusters.everyone() == ()
    await verbs.add(words(parts, "add", "bl-01", out=tmp_path / "bl-01.toml"))
    secret = load_config(tmp_path / "bl-01.toml").hub.password
    with pytest.raises(HubError):
        await verbs.renew(words(parts, "renew", "bl-01", out=out))
    assert await is_secret(parts, "bl-01", secret)


async def test_a_disk_that_fills_at_the_last_moment_is_told_with_the_way_out(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(verbs, "write_private", full)
    with pytest.raises(HubError, match="loaxa-hub cluster renew bl-01 --out FILE"):
        await verbs.add(words(parts, "add", "bl-01", out=tmp_path / "bl-01.toml"))


@pytest.mark.parametrize(
    ("addresses", "warned"),
    [
        ((), "127.0.0.1 works on this machine only"),
        (("--mqtt-address", "0.0.0.0:1883", "--media-url", "http://10.8.0.1"), "0.0.0.0 works"),
        (("--mqtt-address", "10.8.0.1:1883", "--media-url", "http://localhost:80"), "localhost"),
        (("--mqtt-address", "10.8.0.1:1883", "--media-url", "http://10.8.0.1:8080"), ""),
        (("--mqtt-address", "hub.binh-lu.vn:1883", "--media-url", "https://hub.binh-lu.vn"), ""),
    ],
)
async def test_an_address_of_this_machine_only_is_warned_of(
    parts: Parts,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    addresses: tuple[str, ...],
    warned: str,
) -> None:
    await verbs.add(words(parts, "add", "bl-01", *addresses, out=tmp_path / "bl-01.toml"))
    told = capsys.readouterr().err.splitlines()
    assert len(told) == bool(warned)
    assert warned in "".join(told)
    assert tomllib.loads((tmp_path / "bl-01.toml").read_text())["cluster"] == "bl-01"


async def test_a_media_url_that_is_none_is_refused(parts: Parts, tmp_path: Path) -> None:
    out = tmp_path / "bl-01.toml"
    with pytest.raises(HubError, match="must be http://HOST:PORT"):
        await verbs.add(words(parts, "add", "bl-01", "--media-url", "hub", out=out))


async def test_what_the_machine_refuses_is_one_line(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def gone(_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", "setpriv")

    monkeypatch.setattr(verbs, "show", gone)
    arguments = ["cluster", "list", "--state", str(parts.state.root)]
    assert await asyncio.to_thread(main, arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "the machine refuses: setpriv: No such file or directory" in line
