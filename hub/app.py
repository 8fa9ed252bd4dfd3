"""The door of the hub: `loaxa-hub`."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import TypeAlias

from contract.pack import PackKind
from hub.cli.speak import complain
from hub.errors import HubError

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no public name

REFUSED = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb; 0 when it is done, 2 when it was refused with one clear line."""
    wanted = parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO if wanted.verb == "hub.cli.serving:serve" else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    os.umask(0o077)  # what a hub keeps is nobody else's to read
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    module, _, name = wanted.verb.partition(":")
    try:
        # Only the verb's own module is loaded: a quick command does not wait for the web stack.
        asyncio.run(getattr(importlib.import_module(module), name)(wanted))
    except HubError as error:
        complain(error)
        return REFUSED
    except OSError as error:
        complain(_of_the_machine(error))
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _of_the_machine(error: OSError) -> HubError:
    """A refusal of the operating system, with the file or program that it is about."""
    about = f"{error.filename}: " if error.filename else ""
    why = f"{about}{error.strerror or error}"
    return HubError("machine", f"máy từ chối: {why}", f"the machine refuses: {why}")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="loaxa-hub", description="The hub of a commune's loudspeakers"
    )
    verbs = top.add_subparsers(required=True, metavar="VERB")
    _init(verbs)
    _serve(verbs)
    _user(verbs)
    _cluster(verbs)
    _push(verbs)
    _emergency(verbs)
    _pack(verbs)
    _backup(verbs)
    return top


def _verb(verbs: Verbs, name: str, does: str, help_text: str) -> argparse.ArgumentParser:
    made = verbs.add_parser(name, help=help_text, description=help_text)
    made.add_argument(
        "--state",
        default=os.environ.get("LOAXA_HUB_STATE", "/var/lib/loaxa-hub"),
        metavar="DIR",
        help="the hub's state directory; without it $LOAXA_HUB_STATE, else /var/lib/loaxa-hub",
    )
    made.set_defaults(verb=does)
    return made


def _init(verbs: Verbs) -> None:
    made = _verb(verbs, "init", "hub.cli.init:init", "make a new hub in a directory")
    made.add_argument("--commune", required=True, help="its name in topics and keys: binh-lu")
    made.add_argument("--name", help='what people call it: "Xã Bình Lư"')
    made.add_argument("--http", default="127.0.0.1:8080", metavar="HOST:PORT")
    made.add_argument("--mqtt", default="127.0.0.1:1883", metavar="HOST:PORT")
    made.add_argument("--no-quiet-hours", action="store_true")
    made.add_argument("--user", default="can-bo", help="the first user")
    made.add_argument("--password-file", metavar="FILE", help="- reads it from standard input")
    made.add_argument("--recovery-key", metavar="FILE", help="write the offline key there")


def _serve(verbs: Verbs) -> None:
    _verb(verbs, "serve", "hub.cli.serving:serve", "serve pages, API and broker")


def _user(verbs: Verbs) -> None:
    inner = verbs.add_parser("user", help="people who may use the hub").add_subparsers(
        required=True, metavar="VERB"
    )
    made = _verb(inner, "add", "hub.cli.users:add", "make an account")
    made.add_argument("name")
    made.add_argument("--password-file", metavar="FILE", help="- reads it from standard input")
    made = _verb(inner, "totp", "hub.cli.users:totp", "give a person a second factor")
    made.add_argument("name")


def _cluster(verbs: Verbs) -> None:
    inner = verbs.add_parser("cluster", help="loudspeaker clusters").add_subparsers(
        required=True, metavar="VERB"
    )
    made = _verb(inner, "add", "hub.cli.clusters:add", "make a cluster known")
    made.add_argument("name")
    made.add_argument("--title", help='what people call it: "Bản Thẳm"')
    made.add_argument("--hamlet")
    made.add_argument("--group", action="append", default=[])
    made.add_argument("--board", default="cabinet-v1", choices=("cabinet-v1", "fm-bridge"))
    _package_of(made)
    made = _verb(
        inner, "renew", "hub.cli.clusters:renew", "give a cluster a new password and package"
    )
    made.add_argument("name")
    _package_of(made)
    _cluster_set(inner)
    _verb(inner, "list", "hub.cli.clusters:show", "list the clusters")


def _cluster_set(inner: Verbs) -> None:
    does = "hub.cli.cluster_settings:change"
    made = _verb(inner, "set", does, "give a cluster other settings")
    made.add_argument("name")
    made.add_argument("--volume", metavar="PCT", help="0 to 100")
    made.add_argument(
        "--download-window",
        action="append",
        metavar="HH:MM-HH:MM",
        help="fetch sounds only then (may be repeated); any: always; usual: as hub.toml says",
    )
    made.add_argument(
        "--monthly-mib",
        metavar="MIB",
        help="fetch so much a month at most; any: no limit; usual: as hub.toml says",
    )
    made.add_argument(
        "--maintenance", choices=("on", "off"), help="on: somebody works there, no slot plays"
    )


def _package_of(made: argparse.ArgumentParser) -> None:
    made.add_argument("--mqtt-address", metavar="HOST:PORT", help="where the edge finds Mosquitto")
    made.add_argument("--media-url", metavar="URL", help="where the edge finds sound files")
    made.add_argument("--out", required=True, metavar="FILE.toml", help="the edge's configuration")


def _emergency(verbs: Verbs) -> None:
    inner = verbs.add_parser("emergency", help="over everything, at once").add_subparsers(
        required=True, metavar="VERB"
    )
    made = _verb(inner, "start", "hub.cli.emergency:start", "sound it now on every cluster")
    made.add_argument("what", help="a file, a bulletin (b-...) or a warning of the pack (flood)")
    made.add_argument("--clusters", default="all", help="all, or names: bl-01,bl-02")
    made.add_argument("--mode", default="live", choices=("live", "drill"))
    made.add_argument("--word", required=True, help="'KHẨN CẤP', or 'DIỄN TẬP' for a drill")
    made.add_argument("--repeats", type=int, default=2)
    made.add_argument("--gap-s", type=int, default=5, help="between two")
    made.add_argument("--valid-s", type=int, default=1800, help="not begun later than this")
    made.add_argument("--follow-s", type=float, default=60, help="tell answers for so long")
    made = _verb(inner, "stop", "hub.cli.emergency:stop", "end one, or all")
    made.add_argument("id", nargs="?")
    made = _verb(inner, "show", "hub.cli.emergency:show", "what each cluster made of it")
    made.add_argument("--last", type=int, default=3, help="so many orders")


def _pack(verbs: Verbs) -> None:
    inner = verbs.add_parser(
        "pack", help="warnings that lie ready on every cluster"
    ).add_subparsers(required=True, metavar="VERB")
    made = _verb(inner, "make", "hub.cli.pack:make", "speak the warnings and take them in")
    made.add_argument("kind", nargs="*", help=f"default: all of {', '.join(PackKind)}")
    made.add_argument("--text", metavar="FILE", help="other words for one kind")
    made.add_argument("--sound", metavar="FILE", help="a recording for one kind: another language")


def _push(verbs: Verbs) -> None:
    made = _verb(verbs, "push", "hub.cli.push:push", "upload a sound and plan it")
    made.add_argument("file")
    made.add_argument("--at", required=True, help="now, 17:00 (the next) or 2026-11-24T17:00")
    made.add_argument("--clusters", default="all", help="all, or names: bl-01,bl-02")
    made.add_argument("--title")
    made.add_argument("--days", help="weekly on these: 1,2,..,7 (1 is Monday)")
    made.add_argument("--priority", default="normal", choices=("normal", "priority"))
    made.add_argument("--in-quiet-hours", action="store_true", help="allow it in quiet hours")


def _backup(verbs: Verbs) -> None:
    made = _verb(
        verbs, "backup", "hub.cli.backup:backup", "back the hub up, while it serves or not"
    )
    made.add_argument("--to", metavar="FOLDER", help="another folder than hub.toml's [backup]")
    made = _verb(verbs, "restore", "hub.cli.backup:restore", "put a hub back from a backup")
    made.add_argument("file", help="a backup; its sounds lie in the folder beside it")
    made.add_argument("--over", action="store_true", help="in place of a hub, which is put aside")


if __name__ == "__main__":
    sys.exit(main())
