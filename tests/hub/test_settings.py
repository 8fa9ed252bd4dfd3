from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import fields

from contract.note import VerifierKey
from hub.app import main, parser
from hub.errors import HubError
from hub.keys import make_keys, read_private
from hub.settings import Settings, load_settings, settings_text, split_address
from hub.state_dir import StateDir


def refusal(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(HubError) as refused:
        load_settings(path)
    return refused.value.message_en


def test_every_mistake_is_told_at_once_with_the_nearest_right_name(tmp_path: Path) -> None:
    said = refusal(
        tmp_path / "hub.toml",
        """
        comune = "binh-lu"
        [http]
        adress = "127.0.0.1:80"
        [mqtt]
        address = 1883
        [plan]
        quiet_hours = ["9pm"]
        volume_pct = 140
        [nonsense]
        """,
    )
    for part in (
        "comune: unknown key, did you mean 'commune'?",
        "http.adress: unknown key, did you mean 'address'?",
        "mqtt.address: must be HOST:PORT",
        "plan.quiet_hours: must be HH:MM-HH:MM",
        "plan.volume_pct: ",
        "nonsense: unknown key; known here: commune, name, http",
        "commune: missing",
    ):
        assert part in said
    assert "\n" not in said


@pytest.mark.parametrize("text", ["[", "commune = 3", 'commune = "Bình Lư"', "http = 3"])
def test_broken_settings_are_one_line(tmp_path: Path, text: str) -> None:
    assert "hub.toml" in refusal(tmp_path / "hub.toml", text)


def test_without_a_hub_the_line_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(HubError, match="loaxa-hub init"):
        load_settings(tmp_path / "hub.toml")


def test_what_init_writes_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "hub.toml"
    made = Settings(commune="binh-lu", name='Xã "Bình Lư"')  # type: ignore[arg-type]
    path.write_text(settings_text(made))
    assert load_settings(path) == made


def keys(kind: type[Struct], table: str = "") -> Iterator[tuple[str, str]]:
    for field in fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            yield from keys(field.type, field.name)
        else:
            yield table, field.name


def test_every_setting_is_in_what_init_writes() -> None:
    text = settings_text(Settings(commune="x"))  # type: ignore[arg-type]
    for table, name in keys(Settings):
        place = text.split(f"[{table}]", 1)[1] if table else text
        assert re.search(rf"^(# )?{name} = ", place, re.MULTILINE), f"{table}.{name}"


@pytest.mark.parametrize("address", ["x", ":80", "x:", "x:0", "x:70000", "x:y"])
def test_an_address_is_host_and_port(address: str) -> None:
    with pytest.raises(HubError):
        split_address(address)


def test_an_address_may_be_ipv6() -> None:
    assert split_address("[::1]:80") == ("::1", 80)


def test_keys_are_read_back_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    recovery = make_keys(state, "binh-lu")  # type: ignore[arg-type]
    key = read_private(state.signing_key)
    assert key.name == "hub.binh-lu"
    assert state.signing_key.stat().st_mode & 0o077 == 0
    assert recovery.startswith("PRIVATE+KEY+recovery.binh-lu+")
    assert not any(recovery in file.read_text() for file in tmp_path.rglob("*") if file.is_file())
    elsewhere = tmp_path / "recovery.key"
    elsewhere.write_text(recovery)
    assert read_private(elsewhere).verifier.encode() == state.recovery_public.read_text().strip()


@pytest.mark.parametrize("text", ["", "PRIVATE+KEY+x+00000000+AAAA", "hello", "PRIVATE+KEY+x"])
def test_what_is_no_key_is_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "signing.key"
    file.write_text(text)
    with pytest.raises(HubError, match=r"signing\.key"):
        read_private(file)


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    code = main(arguments)
    return code, capsys.readouterr().err.splitlines()


def test_mistakes_at_the_command_line_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there, none = str(tmp_path / "hub"), str(tmp_path / "none")
    made = ("init", "--state", there, "--commune", "binh-lu")
    assert main(made) == 0
    capsys.readouterr()
    short = tmp_path / "short"
    short.write_text("abc\n")
    out = str(tmp_path / "a.toml")
    cases: list[tuple[str, ...]] = [
        made,
        ("init", "--state", none, "--commune", "Bình Lư"),
        ("init", "--state", none, "--commune", "x", "--http", "nowhere"),
        ("init", "--state", none, "--commune", "x", "--password-file", str(short)),
        ("init", "--state", none, "--commune", "x", "--password-file", str(tmp_path / "no")),
        ("init", "--state", str(short), "--commune", "x"),
        ("serve", "--state", str(tmp_path / "nothing")),
        ("cluster", "list", "--state", str(tmp_path / "nothing")),
        ("cluster", "add", "BL", "--state", there, "--out", out),
        ("cluster", "add", "hub", "--state", there, "--out", out),
        ("cluster", "add", "bl-01", "--state", there, "--out", "/no/such/dir/a.toml"),
        ("cluster", "add", "bl-01", "--state", there, "--out", out, "--mqtt-address", "x"),
        ("user", "add", "can-bo", "--state", there),
        ("user", "add", "chi hoa", "--state", there),
        ("push", str(short), "--at", "17:00", "--state", there),
        ("push", str(short), "--at", "soon", "--state", there),
        ("push", str(tmp_path / "no.mp3"), "--at", "now", "--state", there),
    ]
    for case in cases:
        code, said = lines(capsys, *case)
        assert (code, len(said)) == (2, 1), (case, said)
        assert said[0].startswith("loaxa-hub: ")
        assert " — " in said[0]
    assert not (tmp_path / "none" / "hub.toml").exists()


def test_the_edges_package_is_complete_and_private(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there, out = str(tmp_path / "hub"), tmp_path / "bl-01.toml"
    assert main(["init", "--state", there, "--commune", "binh-lu"]) == 0
    add = ["cluster", "add", "bl-01", "--state", there, "--title", "Bản Thẳm", "--group", "cho"]
    assert main([*add, "--mqtt-address", "hub.lan:1999", "--out", str(out)]) == 0
    assert main(["cluster", "list", "--state", there]) == 0
    assert "bl-01\tBản Thẳm\t\tcabinet-v1\tcho" in capsys.readouterr().out
    package = tomllib.loads(out.read_text())
    assert (package["commune"], package["cluster"], package["board"]) == (
        "binh-lu",
        "bl-01",
        "cabinet-v1",
    )
    hub = package["hub"]
    assert (hub["mqtt_host"], hub["mqtt_port"]) == ("hub.lan", 1999)
    assert hub["media_url"] == "http://127.0.0.1:8080"
    assert [VerifierKey.decode(key).name for key in hub["keys"]] == ["hub.binh-lu"]
    assert out.stat().st_mode & 0o077 == 0


def test_the_command_line_has_every_verb() -> None:
    (verbs,) = (
        action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    assert set(verbs.choices) == {
        "init",
        "serve",
        "user",
        "cluster",
        "push",
        "emergency",
        "pack",
        "backup",
        "restore",
    }
