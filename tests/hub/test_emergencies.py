"""Emergencies through the hub's operations and over a real broker."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from contract.codec import open_signed
from contract.command import Ack, Command, Mode, Stage, StartEmergency, StopEmergency
from contract.ids import ClusterId
from contract.model import Priority
from contract.pack import PackKind
from hub.core.emergency import EmergencyOrder
from hub.core.release import DIGITS, STEP_S, enrolment_url, is_word, new_secret, step_of
from hub.errors import HubError
from hub.store import orders, plans

ONE, TWO = ClusterId("bl-01"), ClusterId("bl-02")
NOW = datetime.fromisoformat("2026-11-24T17:00:00+07:00")


async def order_for(village: Any, **more: Any) -> EmergencyOrder:
    for name in (ONE, TWO):
        await village.cluster(name)
    bulletin = await village.bulletin("lu", 10)
    return EmergencyOrder(bulletin=bulletin.id, **more)


async def command_of(village: Any, seq: int) -> Command:
    note = await village.parts.store.read(lambda c: orders.note_of(c, seq))
    return open_signed(note, Command, (village.parts.signer.verifier,))


async def test_an_order_is_stored_signed_and_numbered_before_anybody_hears_it(
    any_village: Any, clock: Any
) -> None:
    village = any_village
    course = await village.operations.emergencies.start(await order_for(village), by="can-bo")
    command = await command_of(village, course.seq)
    assert isinstance(command.order, StartEmergency)
    assert (command.seq, command.id, command.audience.everyone) == (1, course.id, True)
    assert command.order.bulletin.priority is Priority.EMERGENCY
    assert command.expires_at - clock.now() == timedelta(minutes=30)
    assert course.unanswered == (ONE, TWO)


async def test_only_the_chosen_are_meant(village: Any) -> None:
    order = await order_for(village, clusters=["bl-02"])
    seen = await village.operations.emergencies.preview(order)
    assert seen.clusters == (TWO,)
    course = await village.operations.emergencies.start(order, by="can-bo")
    command = await command_of(village, course.seq)
    assert (command.audience.everyone, command.audience.clusters) == (False, ("bl-02",))


async def test_answers_are_followed_and_a_stop_ends_what_is_open(village: Any, clock: Any) -> None:
    emergencies = village.operations.emergencies
    course = await emergencies.start(await order_for(village), by="can-bo")
    await emergencies.heard(ONE, Ack(command=course.id, stage=Stage.STARTED, at=clock.now()))
    await emergencies.heard(ONE, Ack(command=course.id, stage=Stage.VERIFIED, at=clock.now()))
    await emergencies.heard(ONE, Ack(command="e-unknown", stage=Stage.ENDED, at=clock.now()))
    (seen,) = await emergencies.courses()
    assert [(one.cluster, one.stage) for one in seen.answers] == [(ONE, Stage.STARTED)]
    assert await emergencies.seq_floor() == 0
    stop = await emergencies.stop(by="can-bo")
    assert isinstance((await command_of(village, stop.seq)).order, StopEmergency)
    newest, ended = await emergencies.courses()
    assert (newest.id, ended.ended_at) == (stop.id, clock.now())
    assert await emergencies.seq_floor() == 1
    clock.pass_by(hours=1)
    assert await emergencies.seq_floor() == 2


async def test_a_drill_without_words_is_refused_and_with_them_says_so(village: Any) -> None:
    order = await order_for(village, mode=Mode.DRILL)
    with pytest.raises(HubError, match="no words that say it is a drill"):
        await village.operations.emergencies.start(order, by="can-bo")
    words = await village.bulletin("drill", 4, pack=PackKind.DRILL)
    course = await village.operations.emergencies.start(order, by="can-bo")
    command = await command_of(village, course.seq)
    assert isinstance(command.order, StartEmergency)
    assert command.order.preface is not None
    assert command.order.preface.sha256 == words.sha256
    assert command.mode is Mode.DRILL


async def test_the_pack_is_in_every_clusters_plan(village: Any, clock: Any) -> None:
    await village.cluster("bl-01")
    old = await village.bulletin("cu", 5, pack=PackKind.FLOOD)
    clock.pass_by(seconds=1)
    new = await village.bulletin("moi", 5, pack=PackKind.FLOOD, priority=Priority.EMERGENCY)
    await village.parts.store.write(lambda c: village.parts.issuer.issue(c, clock.now()))
    (plan,) = await village.parts.store.read(plans.newest)
    text = plan.note.decode()
    assert new.sha256 in text
    assert old.sha256 not in text
    assert '"kind": "flood"' in text


async def test_a_hub_from_an_old_backup_goes_on_above_what_clusters_obeyed(village: Any) -> None:
    emergencies = village.operations.emergencies
    await emergencies.stay_above(41)
    await emergencies.stay_above(40)
    course = await emergencies.start(await order_for(village), by="can-bo")
    assert course.seq == 42


# What shows that a person means it


@pytest.mark.parametrize("typed", ["KHẨN CẤP", "khẩn cấp", " khan  cap ", "Khẩn cấp!"])
def test_the_word(typed: str) -> None:
    assert is_word(typed, Mode.LIVE)
    assert not is_word(typed, Mode.DRILL)


@pytest.mark.parametrize("typed", ["", "khẩn", "ok", "diễn tập"])
def test_another_word_is_none(typed: str) -> None:
    assert not is_word(typed, Mode.LIVE)
    assert is_word("dien tap", Mode.DRILL)


def code_at(secret_bytes: bytes, at: datetime) -> str:
    totp = TOTP(secret_bytes, DIGITS, SHA1(), STEP_S)  # noqa: S303 - what phones know
    return totp.generate(int(at.timestamp())).decode()


def test_a_code_holds_once_and_half_a_minute_around() -> None:
    raw = b"12345678901234567890"
    secret = new_secret(raw)
    code = code_at(raw, NOW)
    step = step_of(secret, f"{code[:3]} {code[3:]}", NOW, 0)
    assert step == int(NOW.timestamp()) // STEP_S
    assert step_of(secret, code, NOW, step) is None
    assert step_of(secret, code, NOW + timedelta(seconds=STEP_S), 0) == step
    assert step_of(secret, code, NOW + timedelta(seconds=3 * STEP_S), 0) is None
    for wrong in ("", "000000x", "12", code[::-1] + "0"):
        assert step_of(secret, wrong, NOW, 0) is None
    assert secret in enrolment_url(secret, "can-bo", "binh-lu")


def test_the_codes_are_those_that_phones_make() -> None:
    """RFC 6238, appendix B: SHA-1, the last six of the eight digits."""
    secret = new_secret(b"12345678901234567890")
    at = datetime.fromisoformat("1970-01-01T00:00:59+00:00")
    assert step_of(secret, "287082", at, 0) == 1


async def test_a_person_without_a_second_factor_presses_nothing(village: Any, clock: Any) -> None:
    people = village.operations.people
    await people.add("lan", "mat-khau-dai", by="t")
    with pytest.raises(HubError, match="no second factor"):
        await people.check_code("lan", "123456")
    secret = await people.give_second_factor("lan", by="t")
    code = code_at(base64.b32decode(secret), clock.now())
    await people.check_code("lan", code)
    with pytest.raises(HubError, match="wrong or was used"):
        await people.check_code("lan", code)
    with pytest.raises(HubError, match="no user 'nobody'"):
        await people.give_second_factor("nobody", by="t")
