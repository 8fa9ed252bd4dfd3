"""An officer's way through the page, in a real browser."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from hub.clock import SystemClock
from hub.core.release import DIGITS, STEP_S

pytestmark = pytest.mark.browser

WAIT_S = 60


def _until(browser: Chrome, condition: Callable[[Chrome], Any]) -> Any:
    return WebDriverWait(browser, WAIT_S, poll_frequency=0.1).until(condition)


def _shown(browser: Chrome, selector: str) -> WebElement:
    def find(driver: Chrome) -> WebElement | None:
        found = [
            one for one in driver.find_elements(By.CSS_SELECTOR, selector) if one.is_displayed()
        ]
        return found[0] if found else None

    found = _until(browser, find)
    assert isinstance(found, WebElement)
    return found


def _press(browser: Chrome, selector: str) -> None:
    button = _shown(browser, selector)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()


def _log_in(browser: Chrome, running_hub: Any) -> None:
    browser.get(running_hub.address)
    _shown(browser, "[name=user]").send_keys(running_hub.user)
    browser.find_element(By.NAME, "password").send_keys(running_hub.password)
    _press(browser, "#login button")
    _shown(browser, "#summary")


def _upload(browser: Chrome, file: Path, title: str) -> None:
    browser.find_element(By.CSS_SELECTOR, "#upload [name=file]").send_keys(str(file))
    field = browser.find_element(By.CSS_SELECTOR, "#upload [name=title]")
    field.clear()
    field.send_keys(title)
    _press(browser, "#upload button")


def _complaints(browser: Chrome) -> list[str]:
    """What the browser's console says, but for answers that are refusals on purpose."""
    log = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [line["message"] for line in log if "status of 4" not in line["message"]]


def test_upload_plan_and_cancel(
    browser: Chrome, running_hub: Any, announcement: Path, tmp_path: Path
) -> None:
    _log_in(browser, running_hub)
    _upload(browser, announcement, "Bản tin chiều")
    assert "Bản tin chiều" in _shown(browser, "#upload .done").text

    _press(browser, "#schedule-go")
    dialog = _shown(browser, "#confirm")
    assert "3 cụm loa" in dialog.text
    assert "mất kết nối" in dialog.text
    assert "Bản tin chiều" in dialog.text
    browser.save_screenshot(str(tmp_path / "confirm.png"))
    _press(browser, "#confirm [value=yes]")
    slot = _shown(browser, ".slot")
    assert "Bản tin chiều" in slot.text
    assert "chờ phát" in slot.text
    assert "tất cả cụm loa" in slot.text
    browser.save_screenshot(str(tmp_path / "planned.png"))

    _press(browser, ".slot [data-do=cancel]")
    _press(browser, "#confirm [value=yes]")
    _until(browser, lambda b: "đã huỷ" in b.find_element(By.ID, "part-slots").text)
    assert _complaints(browser) == []


def test_weekly_slot_is_changed(browser: Chrome, running_hub: Any, announcement: Path) -> None:
    _log_in(browser, running_hub)
    _upload(browser, announcement, "Bản tin sáng")
    _shown(browser, "#upload .done")
    _press(browser, "#schedule [value=weekly]")
    _press(browser, "#schedule-go")
    _press(browser, "#confirm [value=yes]")
    assert "hàng ngày lúc 17:00" in _shown(browser, ".slot").text

    _press(browser, ".slot [data-do=edit]")
    _press(browser, "#schedule [name=days][value='7']")
    _press(browser, "#schedule-go")
    _press(browser, "#confirm [value=yes]")
    _until(browser, lambda b: "thứ 7 lúc 17:00" in b.find_element(By.ID, "part-slots").text)
    assert len(browser.find_elements(By.CSS_SELECTOR, ".slot")) == 1
    assert _complaints(browser) == []


def test_wrong_file_is_told_in_vietnamese(
    browser: Chrome, running_hub: Any, announcement: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "bang-luong.mp3"
    wrong.write_text("đây là bảng lương", encoding="utf-8")
    cut = tmp_path / "cut.wav"
    cut.write_bytes(announcement.read_bytes()[:60_000])
    _log_in(browser, running_hub)

    _upload(browser, wrong, "x")
    assert "không phải tệp âm thanh" in _shown(browser, "#upload .error").text
    _upload(browser, cut, "x")
    _until(
        browser, lambda b: "bị cắt cụt" in b.find_element(By.CSS_SELECTOR, "#upload .error").text
    )
    assert browser.find_elements(By.CSS_SELECTOR, "#schedule option") == []


def test_wrong_password_and_english(browser: Chrome, running_hub: Any) -> None:
    browser.get(f"{running_hub.address}/login?lang=en")
    _shown(browser, "[name=user]").send_keys(running_hub.user)
    browser.find_element(By.NAME, "password").send_keys("wrong-password")
    _press(browser, "#login button")
    assert "The name or the password is wrong." in _shown(browser, ".error").text


def _enrolled(running_hub: Any) -> TOTP:
    """The officer's phone, which knows the secret that the hub's machine has shown."""
    command = [sys.executable, "-m", "hub.app", "user", "totp", running_hub.user]
    said = subprocess.run(
        [*command, "--state", str(running_hub.state)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    secret = said.partition("secret=")[2].partition("&")[0]
    return TOTP(base64.b32decode(secret), DIGITS, SHA1(), STEP_S)  # noqa: S303 - what phones know


def test_an_emergency_is_looked_at_released_followed_and_stopped(
    browser: Chrome, running_hub: Any, announcement: Path, tmp_path: Path
) -> None:
    phone = _enrolled(running_hub)
    _log_in(browser, running_hub)
    _upload(browser, announcement, "Lũ quét suối Nậm Mu")
    _shown(browser, "#upload .done")
    _press(browser, "a.siren")
    _press(browser, "#look")
    assert "Bản Thẳm" in _shown(browser, "#release-list").text
    assert _shown(browser, "#word-wanted").text == "KHẨN CẤP"
    browser.save_screenshot(str(tmp_path / "emergency-before.png"))

    _press(browser, "#send")
    assert "KHẨN CẤP" in _shown(browser, "#send-error").text  # nothing was typed
    _shown(browser, "[name=word]").send_keys("khan cap")
    browser.find_element(By.NAME, "code").send_keys("000000")
    _press(browser, "#send")
    _until(browser, lambda b: "mã xác thực" in b.find_element(By.ID, "send-error").text)
    code = browser.find_element(By.NAME, "code")
    code.clear()
    code.send_keys(phone.generate(int(SystemClock().now().timestamp())).decode())
    _press(browser, "#send")
    course = _shown(browser, "#courses article")
    assert "Lũ quét suối Nậm Mu" in course.text
    assert course.text.count("CHƯA TRẢ LỜI") == 3
    browser.save_screenshot(str(tmp_path / "emergency-during.png"))

    _press(browser, "#stop-all")
    _until(browser, lambda b: len(b.find_elements(By.CSS_SELECTOR, "#courses article")) == 2)
    assert browser.find_elements(By.CSS_SELECTOR, "[data-stop]") == []
    browser.save_screenshot(str(tmp_path / "emergency-after.png"))
    assert _complaints(browser) == []


def test_a_drill_looks_different(browser: Chrome, running_hub: Any, announcement: Path) -> None:
    _log_in(browser, running_hub)
    _upload(browser, announcement, "Diễn tập lũ quét")
    _shown(browser, "#upload .done")
    _press(browser, "a.siren")
    red = _shown(browser, ".siren-head").value_of_css_property("background-image")
    _press(browser, "[name=mode][value=drill]")
    assert _shown(browser, ".siren-head").value_of_css_property("background-image") != red
    _press(browser, "#look")
    _until(browser, lambda b: "lời báo diễn tập" in b.find_element(By.ID, "look-error").text)
