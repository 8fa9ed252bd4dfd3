"""The words in which the hub refuses, in one place so that they stay alike."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from contract.model import ZONE
from hub.errors import Conflict, HubError, NotFound


def _local(at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo(ZONE)):%d/%m/%Y %H:%M}"


def bad_name(name: str) -> HubError:
    """Not a name for a commune, cluster or group."""
    return HubError(
        "bad_name",
        f"tên {name!r} không hợp lệ: chỉ dùng chữ thường không dấu, số và dấu gạch nối, tối đa 32 ký tự",
        f"{name!r} is no name: use lower-case letters, digits and hyphens, at most 32",
    )


def reserved_name(name: str) -> HubError:
    """The name stands for something else."""
    return HubError(
        "reserved_name",
        f"tên {name!r} dành cho hệ thống; hãy chọn tên khác",
        f"the name {name!r} is taken by the system; choose another",
    )


def user_exists(name: str) -> HubError:
    """The person has an account."""
    return Conflict(
        "user_exists", f"người dùng {name!r} đã có", f"there is a user {name!r} already"
    )


def bad_user_name() -> HubError:
    """No name for an account."""
    return HubError(
        "bad_user_name",
        "tên người dùng cần 1 đến 64 ký tự, không có dấu cách",
        "a user's name has 1 to 64 characters and no spaces",
    )


def weak_password() -> HubError:
    """Too short."""
    return HubError(
        "weak_password",
        "mật khẩu cần ít nhất 8 ký tự",
        "a password has at least 8 characters",
    )


def cluster_exists(name: str) -> HubError:
    """The name is taken."""
    return Conflict(
        "cluster_exists", f"cụm loa {name!r} đã có", f"there is a cluster {name!r} already"
    )


def unknown_clusters(names: Iterable[str]) -> HubError:
    """No such clusters."""
    listed = ", ".join(names)
    return NotFound(
        "unknown_cluster", f"không có cụm loa: {listed}", f"there is no cluster: {listed}"
    )


def nothing_to_set() -> HubError:
    """Nothing is named that should change."""
    return HubError(
        "nothing_to_set",
        "hãy nêu thứ cần đổi, ví dụ --maintenance on (xem: loaxa-hub cluster set --help)",
        "name what to change, for example --maintenance on (see loaxa-hub cluster set --help)",
    )


def bad_cluster_settings(what: str) -> HubError:
    """A value that no cluster can have."""
    return HubError(
        "bad_cluster_settings",
        f"giá trị không hợp lệ ({what}): âm lượng 0–100; giờ tải HH:MM-HH:MM, tối đa 8 khung; "
        "MiB mỗi tháng là số nguyên",
        f"no such value ({what}): volume 0-100; windows HH:MM-HH:MM, at most 8; monthly MiB a whole number",
    )


def no_clusters() -> HubError:
    """Nobody would hear it."""
    return HubError("no_clusters", "hãy chọn ít nhất một cụm loa", "choose at least one cluster")


def unknown_bulletin(name: str) -> HubError:
    """No such bulletin."""
    return NotFound(
        "unknown_bulletin", f"không có bản tin {name!r}", f"there is no bulletin {name!r}"
    )


def no_second_factor(user: str) -> HubError:
    """Who has no second factor presses no emergency button."""
    return HubError(
        "no_second_factor",
        f"tài khoản {user!r} chưa có mã xác thực hai lớp; trên máy chủ hãy chạy: loaxa-hub user totp {user}",
        f"{user!r} has no second factor; on the hub's machine run: loaxa-hub user totp {user}",
    )


def wrong_code() -> HubError:
    """The second factor does not fit."""
    return HubError(
        "wrong_code",
        "mã xác thực hai lớp không đúng hoặc đã dùng; chờ mã mới trên điện thoại rồi nhập lại",
        "the code is wrong or was used before; wait for the phone's next one and type that",
    )


def unknown_user(name: str) -> HubError:
    """No such account."""
    return NotFound("unknown_user", f"không có người dùng {name!r}", f"there is no user {name!r}")


def unknown_emergency(name: str) -> HubError:
    """No order of that id."""
    return NotFound(
        "unknown_emergency",
        f"không có lệnh khẩn cấp {name!r}",
        f"there is no emergency {name!r}",
    )


def no_drill_words() -> HubError:
    """A drill without the words that say so would be a false alarm."""
    return HubError(
        "no_drill_words",
        "chưa có lời báo diễn tập; hãy chạy: loaxa-hub pack make",
        "there are no words that say it is a drill; run: loaxa-hub pack make",
    )


def emergency_by_slot() -> HubError:
    """Emergencies do not wait for a time."""
    return HubError(
        "emergency_by_slot",
        "bản tin khẩn cấp không phát theo lịch",
        "an emergency bulletin does not go through a slot",
    )


def unknown_slot(name: str) -> HubError:
    """No such slot."""
    return NotFound("unknown_slot", f"không có lịch phát {name!r}", f"there is no slot {name!r}")


def slot_cancelled() -> HubError:
    """It is off already."""
    return Conflict("slot_cancelled", "lịch phát này đã huỷ", "this slot is cancelled already")


def slot_in_past(at: datetime) -> HubError:
    """Too late to plan it."""
    return HubError(
        "slot_in_past",
        f"giờ phát {_local(at)} đã qua",
        f"the planned time {_local(at)} has passed",
    )


def never_starts() -> HubError:
    """A weekly slot without a start to come."""
    return HubError(
        "never_starts",
        "lịch phát này không có lần phát nào sắp tới; hãy xem lại ngày và giờ",
        "this slot has no start to come; look at its days and dates",
    )


def bad_dates() -> HubError:
    """Dates that do not exist or end before they begin."""
    return HubError(
        "bad_dates",
        "ngày bắt đầu và ngày kết thúc không hợp lệ",
        "the first and last dates do not fit",
    )


def date_beyond_reason(first_year: int, last_year: int) -> HubError:
    """A date that cannot be meant."""
    return HubError(
        "bad_dates",
        f"ngày phải nằm trong các năm {first_year}–{last_year}",
        f"dates must lie in the years {first_year}–{last_year}",
    )


def quiet_hours(at: datetime, window: str) -> HubError:
    """It would sound while people rest."""
    return HubError(
        "quiet_hours",
        f"lần phát {_local(at)} chạm giờ yên tĩnh {window}; hãy đổi giờ hoặc chọn cho phép phát trong giờ yên tĩnh",
        f"the start of {_local(at)} touches quiet hours {window}; change it or allow it in quiet hours",
    )


def nothing_to_stop() -> HubError:
    """Neither on air nor planned."""
    return Conflict(
        "nothing_to_stop",
        "lịch phát này không có lần phát nào để dừng",
        "this slot has no start to stop",
    )


def no_such_start(at: datetime) -> HubError:
    """The slot does not start then."""
    return NotFound(
        "no_such_start",
        f"lịch phát này không có lần phát lúc {at.isoformat()}",
        f"this slot has no start at {at.isoformat()}",
    )


def plan_too_large(cluster: str, limit_kib: int) -> HubError:
    """The document would not pass."""
    return HubError(
        "plan_too_large",
        f"lịch phát của {cluster} quá lớn (tối đa {limit_kib} KiB); hãy huỷ bớt lịch cũ",
        f"the plan of {cluster} would be too large (at most {limit_kib} KiB); cancel old slots",
    )


def cannot_write(path: Path, error: OSError) -> HubError:
    """A file or folder that takes nothing."""
    why = error.strerror or str(error)
    return HubError(
        "no_permission",
        f"không ghi được vào {path}: {why}",
        f"{path} cannot be written to: {why}",
    )


def port_unusable(host: str, port: int, why: str) -> HubError:
    """Somebody else listens there, or nobody may."""
    return Conflict(
        "port_in_use",
        f"cổng {port} ở {host} đang bị chiếm hoặc không được phép dùng ({why}); "
        "hãy tắt chương trình đang giữ cổng hoặc đổi cổng trong hub.toml",
        f"port {port} is in use or not allowed at {host} ({why}); "
        "end the program that holds it or choose another in hub.toml",
    )
