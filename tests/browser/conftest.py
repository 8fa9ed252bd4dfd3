"""A real hub as a process, and a real Chromium that looks at it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

ROOT = Path(__file__).parents[2]
PASSWORD = "mat-khau-thu"
HAMLETS = ("Bản Thẳm", "Bản Nà Đon", "Thôn Toòng Pẳn")


@dataclass(frozen=True, kw_only=True)
class RunningHub:
    """A hub that serves, with one user and three clusters."""

    address: str
    state: Path
    user: str
    password: str


@pytest.fixture
def running_hub(tmp_path: Path) -> Iterator[RunningHub]:
    state = tmp_path / "hub"
    http, mqtt = _free_port(), _free_port()
    secret = tmp_path / "password"
    secret.write_text(PASSWORD, encoding="utf-8")
    _loaxa_hub(
        "init", "--state", state, "--commune", "binh-lu", "--name", "Xã Bình Lư",
        "--http", f"127.0.0.1:{http}", "--mqtt", f"127.0.0.1:{mqtt}",
        "--no-quiet-hours", "--user", "can-bo", "--password-file", secret,
        "--recovery-key", tmp_path / "recovery.key",
    )  # fmt: skip
    for number, title in enumerate(HAMLETS, start=1):
        name = f"bl-0{number}"
        _loaxa_hub(
            "cluster", "add", name, "--title", title, "--hamlet", title,
            "--state", state, "--out", tmp_path / f"{name}.toml",
        )  # fmt: skip
    with _serving(state):
        yield RunningHub(
            address=f"http://127.0.0.1:{http}", state=state, user="can-bo", password=PASSWORD
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _loaxa_hub(*arguments: object) -> None:
    command = [sys.executable, "-m", "hub.app", *(str(one) for one in arguments)]
    subprocess.run(command, check=True, cwd=ROOT, timeout=60, capture_output=True)


def _serving(state: Path) -> ExitStack:
    stack = ExitStack()
    log = stack.enter_context((state / "serve.log").open("wb"))
    process = stack.enter_context(
        subprocess.Popen(
            [sys.executable, "-m", "hub.app", "serve", "--state", str(state)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    )
    stack.callback(process.wait, 30)
    stack.callback(process.send_signal, signal.SIGTERM)
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    assert "ready" in line, (state / "serve.log").read_text(encoding="utf-8")
    return stack


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-dev-shm-usage", "--lang=vi", "--window-size=390,844",
        f"--user-data-dir={tmp_path / 'chromium'}",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = Service("/usr/bin/chromedriver", env={**os.environ, "LANGUAGE": "vi"})
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def announcement(tmp_path: Path) -> Path:
    path = tmp_path / "ban-tin.wav"
    text = "Kính mời bà con nghe bản tin chiều của đài truyền thanh xã Bình Lư."
    subprocess.run(["espeak-ng", "-v", "vi", "-w", str(path), text], check=True, timeout=60)
    return path
