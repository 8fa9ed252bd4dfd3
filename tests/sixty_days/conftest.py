from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from contract.note import SignerKey, generate_key
from tests.sixty_days.judge import Figures, judge
from tests.sixty_days.story import Story
from tests.sixty_days.world import TellingRunner, World

MEMORY = Path("/dev/shm")  # noqa: S108 - the card's own pace is no matter here


class Live(Protocol):
    """Lives through a story, in a folder of its own, and says what came of it."""

    def __call__(self, story: Story, runner: type[TellingRunner] = TellingRunner) -> Figures: ...


@pytest.fixture(scope="session")
def key() -> SignerKey:
    return generate_key("hub-binh-lu")


@pytest.fixture(scope="session")
def live(key: SignerKey) -> Live:
    def lived(story: Story, runner: type[TellingRunner] = TellingRunner) -> Figures:
        where = MEMORY if os.access(MEMORY, os.W_OK) else None
        with tempfile.TemporaryDirectory(dir=where) as folder:
            world = World(story, Path(folder), key, runner)
            world.play()
            return judge(world)

    return lived


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Sixty days of trouble are sixty days of log, which nobody reads."""
    edge = logging.getLogger("edge")
    before = edge.level
    edge.setLevel(logging.CRITICAL)
    yield
    edge.setLevel(before)
