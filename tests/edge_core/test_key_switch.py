from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.core.key_switch import (
    HELD_S,
    STOP_HELD_S,
    Act,
    Contacts,
    Key,
    look,
    look_again_s,
    moved,
)

REST, TURNED, STOP = Contacts(rest=True), Contacts(turned=True), Contacts(stop=True)
SHORTED, TORN = Contacts(rest=True, turned=True), Contacts()


def watched(*moves: tuple[float, Contacts], until_s: float) -> tuple[Key, list[tuple[float, Act]]]:
    """The key over time, looked at every tenth of a second."""
    key, acts, waiting = Key(), [], list(moves)
    for tenth in range(round(until_s * 10) + 1):
        now_s = tenth / 10
        while waiting and waiting[0][0] <= now_s:
            key = moved(key, waiting.pop(0)[1], now_s)
        key, act = look(key, now_s)
        if act is not None:
            acts.append((now_s, act))
    return key, acts


def test_held_for_three_seconds_it_sounds_once() -> None:
    _, acts = watched((0, REST), (1, TURNED), until_s=60)
    assert acts == [(1 + HELD_S, Act.SOUND)]


def test_let_go_before_it_asks_for_nothing_and_rests_before_it_asks_again() -> None:
    assert watched((0, REST), (1, TURNED), (3.5, REST), until_s=20)[1] == []
    again = ((0, REST), (1, TURNED), (10, REST), (11, TURNED))
    assert [act for _, act in watched(*again, until_s=30)[1]] == [Act.SOUND, Act.SOUND]


def test_the_stop_position_stops_soon() -> None:
    _, acts = watched((0, REST), (1, STOP), until_s=20)
    assert [act for _, act in acts] == [Act.STOP]
    assert acts[0][0] <= 1 + STOP_HELD_S + 0.1


def test_a_stop_works_straight_from_sounding_and_once_each_time() -> None:
    moves = ((0, REST), (1, TURNED), (10, STOP), (30, REST), (31, STOP))
    acts = [act for _, act in watched(*moves, until_s=60)[1]]
    assert acts == [Act.SOUND, Act.STOP, Act.STOP]


def test_wires_that_contradict_each_other_are_a_fault_and_no_evacuation() -> None:
    for wires in (SHORTED, TORN, Contacts(turned=True, stop=True)):
        key, acts = watched((0, REST), (1, wires), until_s=60)
        assert (acts, key.is_faulty) == ([], True)
        mended, _ = watched((0, REST), (1, wires), (30, REST), until_s=60)
        assert not mended.is_faulty


def test_a_cabinet_without_a_key_is_whole() -> None:
    key, acts = watched((0, TORN), until_s=60)
    assert (acts, key.is_faulty, look_again_s(key, 60)) == ([], False, None)


def test_a_key_that_was_turned_as_the_agent_started_must_rest_first() -> None:
    assert watched((0, TURNED), until_s=60)[1] == []


@given(
    st.lists(
        st.tuples(
            st.floats(0.1, 10),
            st.builds(Contacts, turned=st.booleans(), rest=st.booleans(), stop=st.booleans()),
        ),
        max_size=30,
    )
)
def test_whatever_the_wires_do_it_sounds_only_when_held_turned(
    moves: list[tuple[float, Contacts]],
) -> None:
    key, now_s = Key(), 0.0
    for after_s, contacts in moves:
        now_s += after_s
        key, act = look(key, now_s)
        if act is Act.SOUND:
            assert key.contacts == TURNED
            assert now_s - key.since_s >= HELD_S
        if (again_s := look_again_s(key, now_s)) is not None:
            assert 0 <= again_s <= HELD_S
        key = moved(key, contacts, now_s)
