from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from hub.hub import Hub
from hub.media import IngestError
from hub.web.app import build
from hub.web.refusals import WebRefusal
from hub.web.upload import receive

Upload = Callable[..., Awaitable[Any]]


async def test_upload(local: httpx.AsyncClient, upload: Upload, hub: Hub) -> None:
    made = await upload(local, "  Bản   tin chiều ")
    assert made["title"] == "Bản tin chiều"
    assert abs(made["loudness_lufs"] - -18.0) <= 1.0
    assert made["created_by"] == "local"
    assert (hub.state.media / made["sha256"]).stat().st_size == made["size_bytes"]
    assert [*(hub.state.media / "staging").iterdir()] == []
    assert [one["id"] for one in (await local.get("/api/bulletins")).json()] == [made["id"]]


async def test_without_a_title_the_file_lends_its_name(
    local: httpx.AsyncClient, speech: bytes
) -> None:
    files = {"file": ("bản tin sáng.wav", speech)}
    answer = await local.post("/api/bulletins", files=files, data={"priority": "priority"})
    assert answer.json()["title"] == "bản tin sáng"
    assert answer.json()["priority"] == "priority"


async def test_what_is_no_sound_is_told_in_both_languages(
    local: httpx.AsyncClient, hub: Hub
) -> None:
    answer = await local.post("/api/bulletins", files={"file": ("a.mp3", b"no sound at all")})
    assert answer.status_code == 422
    assert answer.json()["error"] == "not_sound"
    assert "không phải tệp âm thanh" in answer.json()["message_vi"]
    assert "not a readable sound" in answer.json()["message_en"]
    assert [*(hub.state.media / "staging").iterdir()] == []


async def test_forms_that_do_not_fit(local: httpx.AsyncClient) -> None:
    no_file = await local.post("/api/bulletins", files={"title": (None, "x")})
    assert no_file.json()["error"] == "no_file"
    no_form = await local.post("/api/bulletins", content=b"{}")
    assert no_form.json()["error"] == "bad_form"
    broken = {"Content-Type": "multipart/form-data; boundary=b"}
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc'
    cut = await local.post("/api/bulletins", content=part, headers=broken)
    assert cut.json()["error"] == "bad_form"
    priority = await local.post(
        "/api/bulletins", files={"file": ("a.wav", b"x")}, data={"priority": "loudest"}
    )
    assert priority.json()["error"] == "bad_request"


async def test_a_declared_size_is_refused_before_it_comes(local: httpx.AsyncClient) -> None:
    headers = {
        "Content-Length": str(600 * 2**20),
        "Content-Type": "multipart/form-data; boundary=b",
    }
    answer = await local.post("/api/bulletins", content=b"", headers=headers)
    assert answer.status_code == 413
    assert answer.json()["error"] == "too_large"


HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
KIND = "multipart/form-data; boundary=b"


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_an_upload_goes_to_disk_piece_by_piece(tmp_path: Path) -> None:
    text = b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nTin\r\n'
    whole = text + HEAD + b"ab\r\n--c\r\n" * 10_000 + b"\r\n--b--\r\n"
    pieces = [whole[at : at + 777] for at in range(0, len(whole), 777)]
    got = await receive(_pieces(*pieces), KIND, tmp_path / "got", max_bytes=10**6)
    assert got.fields == {"title": "Tin"}
    assert got.file_name == "a.wav"
    assert (tmp_path / "got").stat().st_size == got.size_bytes == 90_000


async def test_a_stream_longer_than_allowed_is_ended(tmp_path: Path) -> None:
    with pytest.raises(IngestError) as caught:
        await receive(_pieces(HEAD, *[bytes(1000)] * 9), KIND, tmp_path / "got", max_bytes=5000)
    assert caught.value.code == "too_large"
    assert (tmp_path / "got").stat().st_size <= 5000


async def test_a_field_may_not_fill_the_memory(tmp_path: Path) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\n'
    with pytest.raises(WebRefusal):
        await receive(_pieces(head, bytes(9000)), KIND, tmp_path / "got", max_bytes=10**6)


async def test_a_full_disk_is_told(hub: Hub, local: httpx.AsyncClient) -> None:
    if hub.state.media.exists():
        hub.state.media.rmdir()
    hub.state.media.write_text("in the way", encoding="utf-8")
    answer = await local.post("/api/bulletins", files={"file": ("a.wav", b"x")})
    assert answer.status_code == 507
    assert msgspec.json.decode(answer.content)["error"] == "not_stored"


async def test_what_a_power_cut_left_is_swept_at_the_start(hub: Hub) -> None:
    left = hub.state.media / "staging" / "upload-x" / "upload"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    kept = hub.state.media / ("0" * 64)
    kept.write_bytes(b"whole")
    app = build(hub)
    async with app.lifespan():
        pass
    assert not left.exists()
    assert kept.exists()
