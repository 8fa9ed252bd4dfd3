from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contract.note import generate_key
from edge.app import main
from edge.shell.config import ConfigErrors, load_config

GOOD = """\
commune = "binh-lu"
cluster = "bl-01"
board = "cabinet-v1"

[hub]
mqtt_host = "10.8.0.1"
mqtt_port = 8883
media_url = "https://hub.example/"
password = "secret"
keys = ["KEY"]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "edge.toml"


@pytest.fixture
def good(signer: Any) -> str:
    return GOOD.replace("KEY", signer.verifier.encode())


def problems(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(ConfigErrors) as caught:
        load_config(path)
    lines = str(caught.value).split("\n")
    assert all(line.startswith(f"{path}: ") for line in lines)
    return caught.value.problems


def test_a_good_file_is_read(path: Path, good: str, signer: Any) -> None:
    path.write_text(good)
    config = load_config(path)
    assert (config.cluster, config.hub.mqtt_port) == ("bl-01", 8883)
    assert config.verifier_keys() == (signer.verifier,)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('commune = "binh-lu"\n', "", "commune: thiếu / missing"),
        ('board = "cabinet-v1"', "board = 1", "board: sai kiểu / wrong type: Expected `str`"),
        ("mqtt_port = 8883", 'mqtt_port = "8883"', "hub.mqtt_port: sai kiểu / wrong type"),
        ("mqtt_port = 8883", "mqtt_port = true", "hub.mqtt_port: sai kiểu / wrong type"),
        ("mqtt_port = 8883", "mqtt_port = 0", "hub.mqtt_port: 0: 1–65535"),
        ("mqtt_port = 8883", "mqtt_port = 65536", "hub.mqtt_port: 65536: 1–65535"),
        ("https://hub.example/", "hub.example", "hub.media_url: 'hub.example': http(s)://"),
        ("https://hub.example/", "http://hub:none", "hub.media_url: 'http://hub:none'"),
        ("https://hub.example/", "http://:80/", "hub.media_url: 'http://:80/'"),
        ('"bl-01"', '"BL 01"', "cluster: 'BL 01': chỉ dùng / use only a-z"),
        ('"binh-lu"', '"../x"', "commune: '../x'"),
        ("cluster =", "clutser =", "clutser: khoá lạ / unknown key, có phải / did you mean 'cluster'?"),
        ("password =", "pasword =", "did you mean 'password'?"),
        ("[hub]", "x = 1\n[hub]", "x: khoá lạ / unknown key; commune, cluster, board, hub"),
        ("[hub]", "hub = 3\n[other]", "hub: phải là một bảng [hub] / must be a table [hub]"),
    ],
)  # fmt: skip
def test_each_mistake_has_its_line(path: Path, good: str, old: str, new: str, said: str) -> None:
    assert old in good
    found = problems(path, good.replace(old, new))
    assert any(line.startswith(said) or said in line for line in found), found


@pytest.mark.parametrize("keys", ["[]", '["hub+00000000+AAAA"]', '["x"]', "[1]"])
def test_keys_that_are_none_are_told(path: Path, good: str, keys: str) -> None:
    text = good[: good.index("keys =")] + f"keys = {keys}\n"
    (line,) = problems(path, text)
    assert line.startswith("hub.keys: ")


def test_the_recovery_key_is_kept_and_checked_for_form(path: Path, good: str, signer: Any) -> None:
    path.write_text(good)
    assert load_config(path).hub.recovery_key == ""
    key = signer.verifier.encode()
    path.write_text(f'{good}recovery_key = "{key}"\n')
    config = load_config(path)
    assert config.hub.recovery_key == key
    (line,) = problems(path, good + 'recovery_key = "hub+00000000+AAAA"\n')
    assert line.startswith("hub.recovery_key: ")
    (line,) = problems(path, good + "recovery_key = 1\n")
    assert line.startswith("hub.recovery_key: sai kiểu / wrong type")


def test_the_recovery_key_commands_nothing(path: Path, good: str, signer: Any) -> None:
    recovery = generate_key("recovery.binh-lu").verifier
    path.write_text(f'{good}recovery_key = "{recovery.encode()}"\n')
    assert load_config(path).verifier_keys() == (signer.verifier,)


def test_all_mistakes_are_told_at_once(path: Path, good: str) -> None:
    text = good.replace("board =", "bord =").replace("mqtt_port = 8883", 'mqtt_port = "x"')
    text = text.replace("password =", "passwort =")
    found = problems(path, text)
    assert [line.split(":")[0] for line in found] == [
        "board",
        "bord",
        "hub.password",
        "hub.passwort",
        "hub.mqtt_port",
    ]
    assert "secret" not in "".join(found)


@pytest.mark.parametrize("text", ["commune = ", "\x00", "a = 1\na = 2"])
def test_what_is_no_toml_is_told(path: Path, text: str) -> None:
    (line,) = problems(path, text)
    assert "is no TOML" in line


def test_a_file_in_another_encoding_is_told(path: Path) -> None:
    path.write_bytes("commune = 'bình'".encode("utf-16"))
    with pytest.raises(ConfigErrors, match="is no TOML"):
        load_config(path)


@pytest.mark.parametrize("verb", [["run"], ["explain", "--at", "17:00"], ["verify", "note"]])
def test_a_missing_file_is_one_line_whatever_was_asked(
    path: Path, verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*verb, "--config", str(path), "--state", str(path.parent)]) == 2
    said = capsys.readouterr().err
    assert said == (
        f"loaxa-edge: {path}: không đọc được / cannot be read: No such file or directory\n"
    )


def test_an_unknown_board_names_the_nearest(
    path: Path, good: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path.write_text(good.replace("cabinet-v1", "cabinet-v2"))
    assert main(["run", "--config", str(path), "--state", str(path.parent)]) == 2
    said = capsys.readouterr().err
    assert "did you mean 'cabinet-v1'?" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("cycle_after_s = 0", "modem.cycle_after_s"),
        ("off_s = 60", "modem.off_s"),
        ("of_s = 6", "did you mean 'off_s'"),
        ('off_s = "x"', "modem.off_s: sai kiểu"),
    ],
)
def test_what_is_wrong_with_the_modem_table_is_said(
    config_file: Path, line: str, said: str
) -> None:
    config_file.write_text(config_file.read_text() + f"\n[modem]\n{line}\n")
    with pytest.raises(ConfigErrors, match=said):
        load_config(config_file)


def test_the_modem_table_is_taken_and_may_be_left_out(config_file: Path) -> None:
    assert load_config(config_file).modem.cycle_after_s == 900
    config_file.write_text(config_file.read_text() + "\n[modem]\ncycle_after_s = 60\n")
    assert load_config(config_file).modem.cycle_after_s == 60


def test_a_night_restart_is_off_unless_its_time_is_given(config_file: Path) -> None:
    assert load_config(config_file).night_restart.at is None
    text = config_file.read_text()
    config_file.write_text(f'{text}\n[night_restart]\nat = "03:30"\n')
    assert load_config(config_file).night_restart.at == "03:30"
    config_file.write_text(f'{text}\n[night_restart]\nat = "25:00"\n')
    with pytest.raises(ConfigErrors, match=r"night_restart\.at: sai kiểu"):
        load_config(config_file)
