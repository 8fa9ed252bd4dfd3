"""The words in which backups and restores are refused."""

from __future__ import annotations

from pathlib import Path

from hub.errors import Conflict, HubError


def no_backup(path: Path) -> HubError:
    """Some other file."""
    return HubError(
        "no_backup",
        f"{path} không phải bản sao lưu của hub",
        f"{path} is no backup of a hub",
    )


def newer_backup(path: Path) -> HubError:
    """Of a program that this one does not know."""
    return HubError(
        "newer_backup",
        f"{path} do phiên bản mới hơn tạo ra; hãy cập nhật loaxa",
        f"{path} was made by a newer version; update loaxa",
    )


def damaged(path: Path, what: str) -> HubError:
    """Not what it was when it was made."""
    return HubError(
        "damaged_backup",
        f"bản sao lưu {path} bị hỏng ({what}); hãy dùng bản khác",
        f"the backup {path} is damaged ({what}); use another",
    )


def hub_there(state: Path) -> HubError:
    """Something would be lost."""
    return Conflict(
        "hub_exists",
        f"{state} đã có hub; thêm --over để thay thế (hub cũ được giữ trong {state / 'replaced'})",
        f"there is a hub in {state}; add --over to replace it (the old one is kept in {state / 'replaced'})",
    )


def foreign(commune: str, here: str) -> HubError:
    """A mistaken file."""
    return Conflict(
        "foreign_backup",
        f"bản sao lưu của xã {commune}, còn hub ở đây là của {here}; hãy chọn bản khác hoặc thư mục khác",
        f"the backup is of {commune}, and the hub here is of {here}; choose another file or another directory",
    )


def folder_unusable(folder: Path, why: str) -> HubError:
    """A folder that is not there, or takes nothing."""
    return HubError(
        "no_backup_folder",
        f"không ghi được vào thư mục sao lưu {folder}: {why}; hãy cắm ổ đĩa hoặc sửa [backup] folder trong hub.toml",
        f"the backup folder {folder} cannot be written to: {why}; "
        "plug the disk in or correct [backup] folder in hub.toml",
    )


def no_pg_tool(name: str) -> HubError:
    """PostgreSQL's own tools are needed for its data."""
    return HubError(
        "no_pg_tool",
        f"cơ sở dữ liệu là PostgreSQL mà máy không có {name}; hãy chạy: apt-get install postgresql-client",
        f"the store is PostgreSQL and {name} is missing; run: apt-get install postgresql-client",
    )


def pg_tool_failed(name: str, why: str) -> HubError:
    """PostgreSQL's own tool said no."""
    return HubError(
        "pg_tool_failed", f"{name} không làm được: {why}", f"{name} failed: {why}"
    )  # fmt: skip


def unsound_copy(why: str) -> HubError:
    """The database itself is broken."""
    return HubError(
        "unsound_store",
        f"cơ sở dữ liệu bị lỗi nên không sao lưu được: {why}; hãy khôi phục bản sao lưu gần nhất",
        f"the store is broken and cannot be backed up: {why}; restore the last backup",
    )
