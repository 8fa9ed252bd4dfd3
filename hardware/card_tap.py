"""Taps what goes to a sound card: ALSA itself writes a copy into memory, which is measured once a second.

ALSA's `file` plug-in lies between VLC and the card and writes into a memory file that it was given by number. Writing
there never waits, so whoever measures too late or not at all can neither stall nor shift the sound; the file is
emptied with each measurement, about 96 kB a second.
"""

from __future__ import annotations

import os

from hardware.level import LevelMeter

NAME = "loaxa"
"""The tapped card's name for VLC."""
CONFIG = "ALSA_CONFIG_PATH"
SYSTEM_CONFIG = "/usr/share/alsa/alsa.conf"
TAPPED = """
<{system}>
pcm.{name} {{
    type plug
    slave {{ pcm "{name}_tap" format S16_LE rate 48000 channels 1 }}
}}
pcm.{name}_tap {{ type file file {number} format raw slave.pcm "{name}_card" }}
pcm.{name}_card {{ type plug slave.pcm "{device}" }}
"""


class CardTap:
    """A card with a tap; made before libasound reads its configuration, which it does once a process.

    Args:
        device: As in `aplay -L`; empty for the system's default.

    Raises:
        OSError: There is no memory for it.
    """

    def __init__(self, device: str) -> None:
        self._tap = os.memfd_create("loaxa-tap")
        self._config = os.memfd_create("loaxa-alsa")
        text = TAPPED.format(
            system=os.environ.get(CONFIG, SYSTEM_CONFIG),
            name=NAME,
            number=self._tap,
            device=device or "default",
        )
        os.write(self._config, text.encode())
        os.environ[CONFIG] = f"/proc/self/fd/{self._config}"
        self._meter = LevelMeter()

    def level_db(self) -> float:
        """RMS of what ALSA has handed to the card since the last question, dBFS, after the volume."""
        length = os.lseek(self._tap, 0, os.SEEK_CUR)
        self._meter.add(os.pread(self._tap, length, 0))
        os.ftruncate(self._tap, 0)
        os.lseek(self._tap, 0, os.SEEK_SET)
        return self._meter.level_db()
