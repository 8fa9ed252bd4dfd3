from __future__ import annotations

import asyncio
import selectors
from typing import Any

import pytest


class _Skipping(selectors.SelectSelector):
    """Waits for nobody: what the loop would sleep passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout > 0:
            self.ahead_s += timeout
        return super().select(0 if timeout is not None else None)


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop in which hours of waiting take no time, as long as nothing outside it is waited for."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return super().time() + self._skipping.ahead_s


@pytest.fixture
def jumping() -> Any:
    """Runs a coroutine to its end on a loop whose waiting takes no time."""

    def run(coroutine: Any) -> Any:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            return runner.run(coroutine)

    return run
