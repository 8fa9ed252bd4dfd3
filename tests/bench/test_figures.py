from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.bench.figures import figure, quantile, table


def test_of_errors_the_size_counts() -> None:
    one = figure("start error", "ms", [-30.0, 1.0, 2.0], limits={"p95": 20})
    assert (one.n, one.p50, one.max) == (3, 2.0, 30.0)
    assert not one.holds


def test_nothing_measured_is_no_figure() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        figure("skew", "ms", [])


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_quantile_is_a_value_that_so_many_do_not_exceed(
    values: list[float], share: float
) -> None:
    ordered = sorted(values)
    found = quantile(ordered, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


def test_the_table_says_what_is_kept_and_what_is_missed() -> None:
    kept = figure("skew", "ms", [1.0], limits={"p95": 10})
    missed = figure("memory", "MiB", [67.0], limits={"max": 60}, note="alone")
    lines = table([kept, missed])
    assert lines[1].endswith("p95 <= 10  kept")
    assert lines[2].endswith("max <= 60  MISSED")
    assert lines[-1] == "  memory: alone"
