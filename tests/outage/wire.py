"""A cable between two network interfaces, in a process of its own: frames cross it late, not at all, or by chance.

Below every kernel's TCP: what is lost is lost, and nobody learns of a cut. Run as `wire.py LEFT RIGHT`; one line of
JSON on standard input changes it: `{"cut": true}`, `{"delay_s": 0.15, "loss": 0.1}`. Linux' netem does as much, where
the kernel has it; a cut that neither end sees needs a place between them either way.
"""

from __future__ import annotations

import heapq
import json
import random
import select
import socket
import sys
import time

ETH_P_ALL = 3
FRAME_BYTES = 65_536
PACKET_OUTGOING = 4


class Cable:
    """Two raw sockets and what happens between them."""

    def __init__(self, left: str, right: str) -> None:
        self.ends = [self._open(left), self._open(right)]
        self.cut, self.delay_s, self.loss = False, 0.0, 0.0
        self._chance = random.Random(1)
        self._late: list[tuple[float, int, int, bytes]] = []
        self._count = 0

    @staticmethod
    def _open(name: str) -> socket.socket:
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        end.bind((name, 0))
        return end

    def take(self, side: int) -> None:
        """A frame has come in on one side."""
        frame, sender = self.ends[side].recvfrom(FRAME_BYTES)
        if sender[2] == PACKET_OUTGOING or self.cut or self._chance.random() < self.loss:
            return
        self._count += 1
        due_s = time.monotonic() + self.delay_s  # noqa: TID251 - a cable has no clock of its own
        heapq.heappush(self._late, (due_s, self._count, 1 - side, frame))

    def put(self) -> float | None:
        """Lets out what is due; how long until the next."""
        while self._late:
            left_s = self._late[0][0] - time.monotonic()  # noqa: TID251 - see above
            if left_s > 0:
                return left_s
            _, _, side, frame = heapq.heappop(self._late)
            if not self.cut:
                self.ends[side].send(frame)
        return None

    def change(self, line: str) -> None:
        """Becomes as a line says."""
        for name, value in json.loads(line).items():
            setattr(self, name, value)


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def main(left: str, right: str) -> None:
    cable = Cable(left, right)
    say("ready")
    while True:
        readable, _, _ = select.select([*cable.ends, sys.stdin], [], [], cable.put())
        for one in readable:
            if isinstance(one, socket.socket):
                cable.take(cable.ends.index(one))
                continue
            if not (line := sys.stdin.readline()):
                return
            cable.change(line)
            say("changed")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
