from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub import keys
from hub.app import main
from hub.cli import init as verb
from hub.compose import compose
from hub.errors import HubError
from hub.state_dir import StateDir, write_private


def run(root: Path, *more: str) -> int:
    return main(["init", "--state", str(root), "--commune", "binh-lu", *more])


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    assert " — " in line
    return line


def test_a_new_hub_is_whole_and_its_recovery_key_lies_where_it_should(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clock: Any
) -> None:
    target = tmp_path / "recovery.key"
    assert run(tmp_path / "hub", "--recovery-key", str(target)) == 0
    assert target.stat().st_mode & 0o777 == 0o600
    state = StateDir(tmp_path / "hub")
    public = keys.read_recovery_public(state.recovery_public)
    assert keys.read_private(target).verifier == public
    assert target.read_text().strip() not in capsys.readouterr().out
    compose(state, clock).store.close()


@pytest.mark.parametrize("place", ["missing/recovery.key", "folder", "there.key"])
def test_a_recovery_key_that_cannot_be_kept_makes_no_hub(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "there.key").write_text("another hub's key")
    assert run(tmp_path / "deep" / "hub", "--recovery-key", str(tmp_path / place)) == 2
    assert str(tmp_path / place) in one_line(capsys)
    assert not (tmp_path / "deep").exists()
    assert (tmp_path / "there.key").read_text() == "another hub's key"
    assert run(tmp_path / "deep" / "hub", "--recovery-key", str(tmp_path / "good.key")) == 0


def test_whatever_fails_leaves_nothing_and_may_be_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "password"
    secret.write_text("short\n")
    target = tmp_path / "recovery.key"
    more = ["--recovery-key", str(target), "--password-file", str(secret)]
    assert run(tmp_path / "hub", *more) == 2
    assert "8 characters" in one_line(capsys)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["password"]
    secret.write_text("long-enough\n")
    assert run(tmp_path / "hub", *more) == 0


def test_a_full_disk_under_the_settings_leaves_no_half_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, data: bytes) -> None:
        if path.name == "hub.toml":
            raise OSError(28, "No space left on device", str(path))
        write_private(path, data)

    monkeypatch.setattr(verb, "write_private", full)
    assert run(tmp_path / "hub", "--recovery-key", str(tmp_path / "recovery.key")) == 2
    assert "No space left on device" in one_line(capsys)
    assert [*tmp_path.iterdir()] == []


def test_keys_without_settings_are_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "hub") == 0
    state = StateDir(tmp_path / "hub")
    before = state.signing_key.read_bytes()
    state.settings.unlink()
    capsys.readouterr()
    assert run(tmp_path / "hub") == 2
    assert "there is a hub" in one_line(capsys)
    assert state.signing_key.read_bytes() == before


def test_a_recovery_key_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "recovery.pub").write_text("x\n")
    with pytest.raises(HubError, match="recovery key's public half"):
        keys.read_recovery_public(tmp_path / "recovery.pub")
