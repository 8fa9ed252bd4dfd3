from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hub.app import main
from hub.compose import Parts
from hub.settings import split_address


async def push(parts: Parts, file: Path, capsys: pytest.CaptureFixture[str]) -> str:
    arguments = ["push", str(file), "--at", "now", "--state", str(parts.state.root)]
    assert await asyncio.to_thread(main, arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


async def test_a_file_that_is_not_there_is_told(
    parts: Parts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert "cannot be read" in await push(parts, tmp_path / "none.wav", capsys)
    assert "cannot be read" in await push(parts, tmp_path, capsys)


async def test_a_hub_that_is_not_there_is_told_as_that(
    parts: Parts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tin.wav"
    file.write_bytes(b"x")
    host, port = split_address(parts.settings.http.address)
    capsys.readouterr()
    assert f"no hub answers at {host}:{port}" in await push(parts, file, capsys)
    text = parts.state.settings.read_text()
    parts.state.settings.write_text(text.replace(f"{host}:{port}", f"no.such.host.invalid:{port}"))
    assert "no hub answers at no.such.host.invalid" in await push(parts, file, capsys)


async def test_a_mistyped_state_folder_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["serve", "--state", str(tmp_path / "mistyped")]
    assert await asyncio.to_thread(main, arguments) == 2
    assert "there is no hub" in capsys.readouterr().err
    assert not (tmp_path / "mistyped").exists()
