from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from hub.hub import Hub
from hub.web.media import Unsatisfiable, read_range

Upload = Callable[..., Awaitable[Any]]


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("", None),
        ("bytes=0-9", (0, 9)),
        ("bytes=90-", (90, 99)),
        ("bytes=90-500", (90, 99)),
        ("bytes=-10", (90, 99)),
        ("bytes=-500", (0, 99)),
        ("bytes=5-2", None),
        ("bytes=0-1,5-6", None),
        ("bytes=-", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
    ],
)
def test_ranges(header: str, span: tuple[int, int] | None) -> None:
    assert read_range(header, 100) == span


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=200-300", "bytes=-0"])
def test_ranges_behind_the_end(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        read_range(header, 100)


@pytest.fixture
async def sound(local: httpx.AsyncClient, upload: Upload) -> str:
    """Address of a sound; the client forgets who it was."""
    made = await upload(local)
    del local.headers["Authorization"]
    return f"/media/{made['sha256']}"


async def test_a_cluster_fetches_in_pieces(
    anyone: httpx.AsyncClient, sound: str, secret: str, hub: Hub
) -> None:
    anyone.auth = httpx.BasicAuth("bl-01", secret)
    head = await anyone.head(sound)
    assert head.status_code == 200
    assert head.content == b""
    size = int(head.headers["Content-Length"])
    assert head.headers["Accept-Ranges"] == "bytes"
    first = await anyone.get(sound, headers={"Range": "bytes=0-999"})
    rest = await anyone.get(
        sound, headers={"Range": "bytes=1000-", "If-Range": head.headers["ETag"]}
    )
    assert first.status_code == rest.status_code == 206
    assert rest.headers["Content-Range"] == f"bytes 1000-{size - 1}/{size}"
    stored = (hub.state.media / sound.removeprefix("/media/")).read_bytes()
    assert first.content + rest.content == stored
    assert (await anyone.get(sound)).content == stored


async def test_beside_the_file(anyone: httpx.AsyncClient, sound: str, secret: str) -> None:
    anyone.auth = httpx.BasicAuth("bl-01", secret)
    behind = await anyone.get(sound, headers={"Range": "bytes=9999999-"})
    assert behind.status_code == 416
    assert behind.headers["Content-Range"].startswith("bytes */")
    etag = (await anyone.head(sound)).headers["ETag"]
    same = await anyone.get(sound, headers={"If-None-Match": etag})
    assert same.status_code == 304
    changed = await anyone.get(sound, headers={"Range": "bytes=0-9", "If-Range": '"old"'})
    assert changed.status_code == 200


async def test_who_may_not(anyone: httpx.AsyncClient, sound: str, secret: str) -> None:
    unknown = await anyone.get(sound)
    assert unknown.status_code == 401
    assert unknown.headers["WWW-Authenticate"].startswith("Basic")
    for name, word in (("bl-01", "wrong"), ("bl-02", secret), ("nobody", secret), ("", "")):
        assert (await anyone.get(sound, auth=(name, word))).status_code == 401
    garbage = {b"Authorization": b"Basic \xff\xfe"}
    assert (await anyone.get(sound, headers=garbage)).status_code == 401


@pytest.mark.parametrize("name", ["0" * 64, "..%2fhub.db", "staging", "A" * 64])
async def test_only_sounds_are_served(local: httpx.AsyncClient, name: str) -> None:
    assert (await local.get(f"/media/{name}")).status_code == 404
