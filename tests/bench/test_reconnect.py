from __future__ import annotations

import pytest

from provisioning.bench.measure_reconnect import UP_AGAIN, _is_whole


@pytest.mark.parametrize(
    ("stored", "whole"),
    [
        ([("a", 1), ("a", 2), ("b", 1)], True),
        ([("a", 2), ("a", 1)], True),
        ([("a", 1), ("a", 3)], False),
        ([("a", 1), ("a", 1), ("a", 2)], False),
        ([("a", 2)], False),
    ],
)
def test_rows_are_whole_when_each_is_there_once(stored: list[tuple[str, int]], whole: bool) -> None:
    assert _is_whole(stored) is whole


def test_the_agents_log_says_when_its_link_came_up() -> None:
    log = "2026-11-24 20:45:38,298 INFO edge.shell.link: link up\n"
    assert UP_AGAIN.findall(log) == [("2026-11-24 20:45:38", "298")]
