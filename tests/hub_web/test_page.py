from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

import hub.web.app
from hub.hub import Hub
from hub.web.texts import Language, load_texts

WEB = Path(hub.web.app.__file__).parent
LogIn = Callable[..., Awaitable[httpx.Response]]


async def test_the_page_wants_a_login(anyone: httpx.AsyncClient) -> None:
    answer = await anyone.get("/")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/login"
    assert "Đăng nhập" in (await anyone.get("/login")).text


@pytest.mark.parametrize(
    ("part", "not_asked"),
    [
        ("clusters", [("journal", "newest"), ("slots", "everything")]),
        ("slots", [("clusters", "views"), ("bulletins", "everything")]),
        ("journal", [("clusters", "views"), ("slots", "everything")]),
    ],
)
async def test_a_part_looks_up_only_what_it_shows(
    local: httpx.AsyncClient,
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    not_asked: list[tuple[str, str]],
) -> None:
    async def never(*_: object, **__: object) -> None:
        raise AssertionError("looked up in vain")

    for topic, verb in not_asked:
        monkeypatch.setattr(getattr(hub.operations, topic), verb, never)
    assert (await local.get(f"/part/{part}")).status_code == 200


async def test_the_page(
    anyone: httpx.AsyncClient,
    log_in: LogIn,
    secret: str,
    upload: Callable[..., Awaitable[Any]],
) -> None:
    assert secret
    csrf = (await log_in()).json()["csrf"]
    anyone.headers["X-CSRF-Token"] = csrf
    made = await upload(anyone, "<b>Tin</b>")
    order = {
        "bulletin": made["id"],
        "clusters": ["bl-01"],
        "when": {"kind": "once", "at": "2026-11-24T17:00:00+07:00"},
    }
    await anyone.post("/api/slots", json=order)
    page = (await anyone.get("/")).text
    assert "Xã Bình Lư" in page
    assert "thứ 3, 24/11/2026 17:00" in page
    assert "chờ phát" in page
    assert "chưa kết nối lần nào" in page
    assert "&lt;b&gt;Tin" in page
    assert "<b>Tin" not in page
    assert csrf in page
    assert "Bản Thẳm" in (await anyone.get("/part/slots")).text
    assert (await anyone.get("/part/other")).status_code == 404


async def test_a_lost_cluster_is_marked_where_clusters_are_chosen(
    anyone: httpx.AsyncClient, log_in: LogIn, secret: str
) -> None:
    assert secret
    await log_in()
    page = (await anyone.get("/")).text
    assert 'value="bl-01" data-lost="Bản Thẳm"> Bản Thẳm · mất kết nối</label>' in page


async def test_english_is_remembered(anyone: httpx.AsyncClient, log_in: LogIn) -> None:
    await log_in()
    assert "Broadcast schedule" in (await anyone.get("/", params={"lang": "en"})).text
    assert "Broadcast schedule" in (await anyone.get("/")).text
    assert "Lịch phát thanh" in (await anyone.get("/", params={"lang": "vi"})).text


def _used() -> set[str]:
    found: set[str] = set()
    for path in WEB.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Name(id="say" | "mark"), args=[ast.Constant(value=str(text))]
                ):
                    found.add(text)
    for path in (WEB / "templates").glob("*.html"):
        for _, message, _, _ in extract_from_file("jinja2.ext:babel_extract", path):
            assert isinstance(message, str)
            found.add(message)
    return found


@pytest.mark.parametrize("language", [*Language])
def test_every_text_is_in_the_catalogues_and_no_other(language: Language) -> None:
    path = WEB.parent / "locale" / language / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        catalogue = read_po(file)
    known = {str(message.id) for message in catalogue if message.id}
    assert known == _used()
    if language is Language.VI:
        assert [message.id for message in catalogue if not message.string] == []


def test_texts_without_a_translation_are_said_as_they_are() -> None:
    texts = load_texts(WEB.parent / "locale")
    assert texts[Language.EN].say("clock not right") == "clock not right"
    assert texts[Language.VI].say("clock not right") == "đồng hồ chưa đúng"


def test_the_officers_paper_uses_the_pages_words() -> None:
    paper = (WEB.parents[1] / "docs" / "officer.md").read_text(encoding="utf-8")
    with (WEB.parent / "locale" / "vi" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        known = {str(message.string) for message in read_po(file)}
    told = [line.split("|")[1].strip() for line in paper.splitlines() if line.startswith("| ")][1:]
    assert len(told) > 5
    assert {*told} <= known
    assert "Cho phép phát trong giờ yên tĩnh" in known
    assert "yên lặng" not in paper
