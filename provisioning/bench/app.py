"""The door of the rig: `loaxa-bench`."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from provisioning.bench.errors import BenchError

REFUSED = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb: 0 done and held, 1 something did not hold, 2 refused with one clear line."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    wanted = parser().parse_args(arguments)
    module, _, name = wanted.verb.partition(":")
    try:
        # Only the verb's own module is loaded: a start does not wait for what it does not use.
        verb = getattr(importlib.import_module(module), name)
        return int(asyncio.run(_until_told(verb, wanted)))
    except BenchError as error:
        sys.stderr.write(f"loaxa-bench: {error}\n")
        return REFUSED
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED


async def _until_told(verb: object, wanted: argparse.Namespace) -> int:
    """SIGTERM and Ctrl-C end a verb in order; its children are waited for."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
    assert callable(verb)  # noqa: S101 - the table below names functions
    done: int = await verb(wanted)
    return done


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="loaxa-bench", description="A hub and simulated clusters, to try, hear and measure"
    )
    verbs = top.add_subparsers(required=True, metavar="VERB")
    up = verbs.add_parser("up", help="hub and clusters with a programme on air, until Ctrl-C")
    up.set_defaults(verb="provisioning.bench.up:up")
    up.add_argument("--clusters", type=_count, default=6, help="how many (1 to 99)")
    up.add_argument("--dir", type=Path, default=Path(".work/bench"), help="kept between starts")
    up.add_argument("--port", type=int, default=8080, help="of the hub's page; 0: any")
    up.add_argument("--seconds", type=float, help="stop by itself after so long")
    link = verbs.add_parser("link", help="cut or restore a cluster's link while `up` runs")
    link.set_defaults(verb="provisioning.bench.control:link")
    link.add_argument("cluster", help="bl-02, or all")
    link.add_argument("state", choices=("down", "up", "slow"))
    link.add_argument("--dir", type=Path, default=Path(".work/bench"))
    run = verbs.add_parser("run", help="run a scenario and judge it")
    run.set_defaults(verb="provisioning.bench.verbs:run")
    run.add_argument("scenario", type=Path, metavar="SCENARIO.toml")
    run.add_argument("--out", type=Path, required=True, metavar="DIR")
    every = verbs.add_parser("run-all", help="run every scenario of a folder")
    every.set_defaults(verb="provisioning.bench.run_all:run_all")
    every.add_argument("folder", type=Path)
    every.add_argument("--out", type=Path, required=True, metavar="DIR")
    every.add_argument("--at-once", type=_count, default=1, help="so many side by side")
    _add_measures(verbs)
    sample = verbs.add_parser("sample", help="make sounds of the Vietnamese texts in a folder")
    sample.set_defaults(verb="provisioning.bench.verbs:sample")
    sample.add_argument("folder", type=Path)
    return top


def _crash_trials(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    crash = verbs.add_parser("crash-trials", help="kill the store at random instants, many times")
    crash.set_defaults(verb="provisioning.bench.crash_trials:crash_trials")
    crash.add_argument("--n", type=_crashes, default=1000, help="how many crashes")
    crash.add_argument("--seed", type=int, default=1, help="of the first life; each has the next")
    crash.add_argument("--dir", type=Path, default=Path(".work/crash-trials"))
    crash.add_argument("--out", type=Path, metavar="FILE.json")


def _hub_trials(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    crash = verbs.add_parser("hub-trials", help="kill the hub at random instants, many times")
    crash.set_defaults(verb="provisioning.bench.hub_trials:hub_trials")
    crash.add_argument("--n", type=_crashes, default=100, help="how many crashes")
    crash.add_argument("--seed", type=int, default=1, help="of the first hub; each has the next")
    crash.add_argument("--dir", type=Path, default=Path(".work/hub-trials"))
    crash.add_argument("--out", type=Path, metavar="FILE.json")


def _boots(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    power = verbs.add_parser("boots", help="power comes back without a network, many times")
    power.set_defaults(verb="provisioning.bench.measure_boots:boots")
    power.add_argument("--n", type=_crashes, default=50, help="how many boots")
    power.add_argument("--clusters", type=_count, default=5, help="that boot at once")
    power.add_argument("--dir", type=Path, default=Path(".work/boots"))


def _add_measures(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    measure = verbs.add_parser("benchmark", help="measure the rig")
    measure.set_defaults(verb="provisioning.bench.benchmark:benchmark")
    measure.add_argument("--out", type=Path, metavar="FILE.json")
    measure.add_argument("--quick", action="store_true", help="fewer starts, a shorter idle time")
    alarms = verbs.add_parser(
        "alarms", help="measure how soon a dead link is shown, and its return"
    )
    alarms.set_defaults(verb="provisioning.bench.measure_alarms:alarms")
    alarms.add_argument("--trials", type=_count, default=24, help="clusters, each cut once")
    alarms.add_argument("--long", action="store_true", help="outages of more than ten minutes")
    alarms.add_argument("--seed", type=int, default=1, help="of the instants")
    alarms.add_argument("--dir", type=Path, default=Path(".work/alarms"), help="kept between runs")
    storm = verbs.add_parser("storm", help="all links of many clusters die and return at once")
    storm.set_defaults(verb="provisioning.bench.measure_storm:storm")
    storm.add_argument("--clusters", type=_many, default=200, help="how many, 1 to 200")
    storm.add_argument("--hold-s", type=float, default=30.0, help="outage beyond the last alarm")
    storm.add_argument("--dir", type=Path, default=Path(".work/storm"), help="kept between runs")
    home = verbs.add_parser("reconnect", help="a month of journal rows comes home over a thin link")
    home.set_defaults(verb="provisioning.bench.measure_reconnect:reconnect")
    home.add_argument("--clusters", type=_count, default=3, help="that return at once")
    home.add_argument("--rounds", type=_count, default=2, help="how often all of it")
    home.add_argument("--dir", type=Path, default=Path(".work/reconnect"))
    _boots(verbs)
    _crash_trials(verbs)
    _hub_trials(verbs)
    shaky = verbs.add_parser("flap", help="what a link costs that dies every few seconds")
    shaky.set_defaults(verb="provisioning.bench.measure_flap:flap")
    shaky.add_argument("--clusters", type=_count, default=3, help="how many of them")
    shaky.add_argument("--dir", type=Path, default=Path(".work/flap"))


def _count(text: str) -> int:
    return _up_to(99, text)


def _crashes(text: str) -> int:
    return _up_to(100_000, text)


def _many(text: str) -> int:
    return _up_to(200, text)


def _up_to(most: int, text: str) -> int:
    number = int(text)
    if not 1 <= number <= most:
        raise argparse.ArgumentTypeError(f"1 to {most}")
    return number


if __name__ == "__main__":
    sys.exit(main())
