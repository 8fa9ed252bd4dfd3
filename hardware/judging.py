"""From readings of a cabinet to verdicts. Pure."""

from __future__ import annotations

from msgspec import Struct

from contract.ports import ClockTrust
from hardware.health import TOO_HOT_C
from hardware.machine import MachineFigures
from hardware.verdict import Verdict, Words, bad, good

LEAST_DISK_MIB = 200
"""Below this, a new programme's sounds may not fit."""
LEAST_MEMORY_MIB = 50


class RelayReading(Struct, frozen=True, kw_only=True):
    """What a relay's pin did when it was switched on and off again; `why` when it could not be driven."""

    went_on: bool = False
    went_off: bool = False
    why: str = ""


class SoundReading(Struct, frozen=True, kw_only=True):
    """Whether the player played a tone to its end, and if not, why."""

    heard_out: bool
    why: str = ""


def judge_pins(why: str, *, is_agent_down: bool = False) -> Verdict:
    """The pins could not be opened; `is_agent_down`: it is known not to be the agent that holds them."""
    return bad(
        Words("Chân GPIO", "GPIO pins"),
        Words(f"không mở được ({why})", f"cannot be opened ({why})"),
        _FREE_PINS if is_agent_down else _STOP_AGENT,
    )


def judge_relay(name: str, reading: RelayReading) -> Verdict:
    """Whether a relay's pin obeys."""
    part = Words(f"Rơ-le {name}", f"Relay {name}")
    if reading.why:
        advice = Words("kiểm tra quyền và chân GPIO", "check permissions and the GPIO pin")
        return bad(part, Words(f"không điều khiển được ({reading.why})", reading.why), advice)
    if not reading.went_on:
        return bad(part, Words("không bật được", "does not switch on"), _CHECK_WIRE)
    if not reading.went_off:
        return bad(part, Words("KHÔNG TẮT ĐƯỢC", "DOES NOT SWITCH OFF"), _CUT_POWER)
    return good(part, Words("bật và tắt được", "switches on and off"))


def judge_arrester(is_closed: bool | None) -> Verdict:  # noqa: FBT001 - the reading itself
    """Whether the surge arrester's loop is whole."""
    part = Words("Chống sét", "Surge arrester")
    if is_closed:
        return good(part, Words("tốt, mạch kín", "whole, the loop is closed"))
    found = (
        Words("chưa đọc được", "not read yet")
        if is_closed is None
        else Words("mạch hở: chống sét hỏng hoặc đứt dây", "loop open: failed, or its wire is cut")
    )
    return bad(
        part,
        found,
        Words(
            "xem ô báo trên chống sét: đỏ thì thay, xanh thì kiểm tra dây báo hiệu",
            "look at its window: if red replace it, if green check the signal wire",
        ),
    )


def judge_pulse(is_closed: bool) -> Verdict:  # noqa: FBT001 - the reading itself
    """The surge counter's contact rests open."""
    part = Words("Bộ đếm sét", "Surge counter")
    if not is_closed:
        return good(part, Words("tiếp điểm hở như bình thường", "contact open, as at rest"))
    return bad(
        part,
        Words("tiếp điểm đóng mãi", "contact stays closed"),
        Words(
            "tìm chỗ chập dây ở bộ đếm, sét sẽ không đếm được",
            "look for a short in its wires; surges are not counted",
        ),
    )


def judge_sound(reading: SoundReading) -> Verdict:
    """Whether a tone went out."""
    part = Words("Âm thanh", "Sound")
    if reading.heard_out:
        found = Words(
            "đã phát hết tiếng thử; bà con có nghe thấy không?",
            "test tone played to its end; did the horn sound?",
        )
        return good(part, found)
    return bad(
        part,
        Words(f"không phát được ({reading.why})", f"does not play ({reading.why})"),
        Words("kiểm tra card âm thanh: aplay -l", "check the sound card: aplay -l"),
    )


def judge_player(reading: SoundReading) -> Verdict:
    """Whether the player opens a sound, without letting it out."""
    if not reading.heard_out:
        return judge_sound(reading)
    return good(
        Words("Âm thanh", "Sound"),
        Words(
            "trình phát mở được tệp; muốn nghe thử loa: python -m hardware.selftest --yes",
            "the player opens a file; to hear the horn: python -m hardware.selftest --yes",
        ),
    )


def judge_clock(trust: ClockTrust, *, why: Words | None = None) -> Verdict:
    """Whether wall time may be believed; `why` not further, where that is known."""
    part = Words("Đồng hồ", "Clock")
    if trust.is_trusted:
        return good(part, _because(_TRUST[trust], why))
    return bad(
        part,
        _because(_TRUST[trust], why),
        Words(
            "kiểm tra mạng và pin đồng hồ RTC; xem: timedatectl. Chưa đúng giờ thì không phát theo lịch",
            "check the network and the RTC's battery; see timedatectl. Nothing timed plays until then",
        ),
    )


def _because(found: Words, why: Words | None) -> Words:
    return Words(f"{found.vi} ({why.vi})", f"{found.en} ({why.en})") if why else found


def judge_machine(figures: MachineFigures) -> list[Verdict]:
    """Whether the machine has room."""
    return [
        judge_disk(figures.disk_free_mib),
        judge_memory(figures.memory_free_mib),
    ]


def judge_disk(free_mib: int) -> Verdict:
    """Whether a programme's sounds fit."""
    part, found = (
        Words("Thẻ nhớ", "Card"),
        Words(f"còn trống {free_mib} MiB", f"{free_mib} MiB free"),
    )
    if free_mib >= LEAST_DISK_MIB:
        return good(part, found)
    return bad(
        part,
        found,
        Words(
            f"cần ít nhất {LEAST_DISK_MIB} MiB: xoá tệp thừa hoặc thay thẻ lớn hơn",
            f"at least {LEAST_DISK_MIB} MiB are needed: delete what is not used, or fit a larger card",
        ),
    )


def judge_memory(free_mib: int) -> Verdict:
    """Whether programs have memory."""
    part, found = Words("Bộ nhớ", "Memory"), Words(f"còn {free_mib} MiB", f"{free_mib} MiB free")
    if free_mib >= LEAST_MEMORY_MIB:
        return good(part, found)
    return bad(part, found, Words("khởi động lại: sudo reboot", "restart it: sudo reboot"))


def judge_temperature(temperature_c: float | None) -> Verdict:
    """Whether the processor keeps cool."""
    part = Words("Nhiệt độ", "Temperature")
    if temperature_c is None:
        return good(part, Words("máy này không đo được", "this machine cannot tell"))
    found = Words(f"{temperature_c:.0f} °C", f"{temperature_c:.0f} °C")
    if temperature_c < TOO_HOT_C:
        return good(part, found)
    return bad(
        part,
        found,
        Words(
            "quá nóng: che nắng cho tủ, làm sạch khe thoáng",
            "too hot: shade the cabinet, clean its vents",
        ),
    )


_STOP_AGENT = Words(
    "chạy bằng sudo; nếu chân đang bận, hãy dừng: systemctl stop loaxa-edge",
    "run it with sudo; if a pin is busy, stop the agent: systemctl stop loaxa-edge",
)
_FREE_PINS = Words(
    "chạy bằng sudo; nếu chân đang bận, một chương trình khác đang giữ chân: tắt chương trình đó hoặc sudo reboot",
    "run it with sudo; if a pin is busy, another program holds it: end that one, or sudo reboot",
)
_CHECK_WIRE = Words(
    "kiểm tra chân GPIO và dây tới rơ-le", "check the GPIO pin and the relay's wire"
)
_CUT_POWER = Words(
    "ngắt điện tăng âm ngay, rồi thay mạch rơ-le",
    "cut the amplifier's supply now, then replace the relay board",
)
_TRUST = {
    ClockTrust.SYNCHRONISED: Words("đã đồng bộ qua mạng", "synchronised by network"),
    ClockTrust.RTC: Words("theo đồng hồ RTC", "from the RTC"),
    ClockTrust.CELL: Words("theo mạng di động", "from the cell network"),
    ClockTrust.LAST_SAVED: Words("chỉ là giờ lưu lần cuối", "only the last saved time"),
    ClockTrust.UNKNOWN: Words("chưa đúng giờ", "not known"),
}
