"""What an agent with its player costs: memory, processor time, bytes written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import psutil

MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Of one agent and its player at one moment.

    Attributes:
        agent_pss: Bytes.
        player_pss: Bytes.
        alone: Bytes both would hold if nobody else on the machine shared a page with them.
        cpu_s: Processor time since their starts.
        written: Bytes handed to the card since their starts.
    """

    agent_pss: int
    player_pss: int
    alone: int
    cpu_s: float
    written: int


def costs_of(agent_id: int) -> Costs:
    """Reads them.

    Raises:
        psutil.Error: The agent is gone.
    """
    agent = psutil.Process(agent_id)
    players = agent.children(recursive=True)
    everyone = [agent, *players]
    return Costs(
        agent_pss=int(agent.memory_full_info().pss),
        player_pss=sum(int(one.memory_full_info().pss) for one in players),
        alone=_alone(everyone),
        cpu_s=sum(_cpu_s(one) for one in everyone),
        written=sum(int(one.io_counters().write_bytes) for one in everyone),
    )


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _alone(processes: Iterable[psutil.Process]) -> int:
    """Pages of a file count once for all of them, and wholly, whoever else maps them."""
    of_files: dict[tuple[str, str], int] = {}
    own = 0
    for process in processes:
        seen: dict[str, int] = {}
        for part in process.memory_maps(grouped=False):
            if not part.path.startswith("/"):
                own += int(part.pss)
                continue
            # The n-th mapping of a file is the same part of it in every process that loads it alike.
            number = seen[part.path] = seen.get(part.path, 0) + 1
            own += int(part.private_dirty)
            key = (part.path, str(number))
            clean = int(part.rss) - int(part.private_dirty)
            of_files[key] = max(of_files.get(key, 0), clean)
    return own + sum(of_files.values())
