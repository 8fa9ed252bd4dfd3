from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from hub import lock
from hub.errors import Conflict


def test_the_holder_is_found_and_a_second_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "hub.lock"
    assert lock.holder(path) is None
    with lock.held(path):
        assert lock.holder(path) == os.getpid()
        with pytest.raises(Conflict, match="runs already"), lock.held(path):
            pass
    assert lock.holder(path) is None


def test_somebody_who_only_looks_keeps_no_hub_from_starting(tmp_path: Path) -> None:
    path = tmp_path / "hub.lock"
    path.touch()
    with path.open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        done = threading.Timer(0.1, fcntl.flock, (looking, fcntl.LOCK_UN))
        done.start()
        with lock.held(path):
            assert lock.holder(path) == os.getpid()
        done.join()
