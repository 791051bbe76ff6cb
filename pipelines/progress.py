"""How far a run is: a bar on a terminal, elsewhere a line every ten seconds."""

import sys
import time
from typing import Self

from tqdm import tqdm

LINE_SECONDS = 10.0


def spoken_time(seconds: float, workers: int = 1) -> str:
    """How long work of so many CPU seconds takes, as one says it: 2.5 minutes on 2 workers."""
    amount = seconds / workers
    size, unit = next((one for one in ((3600, "hours"), (60, "minutes")) if amount >= one[0]), (1, "seconds"))
    return f"{amount / size:,.1f} {unit} on {workers} worker{'s' if workers > 1 else ''}"


def spoken_size(num_bytes: float) -> str:
    """Bytes as one says them, in GB or MB."""
    return f"{num_bytes / 1e9:,.1f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:,.1f} MB"


class Progress:
    """Counts rows up to `total`, of which `done` were there before; shows rate and time left on stderr."""

    def __init__(self, total: int, done: int, unit: str = "images") -> None:
        self._total, self._done, self._before, self._unit = total, done, done, unit
        self._start = self._last = time.monotonic()
        self._bar = tqdm(total=total, initial=done, unit=f" {unit}") if sys.stderr.isatty() else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, num_rows: int) -> None:
        self._done += num_rows
        if self._bar is not None:
            self._bar.update(num_rows)
        elif time.monotonic() - self._last >= LINE_SECONDS:
            self._last = time.monotonic()
            print(self.line(), file=sys.stderr, flush=True)

    def note(self, message: str) -> None:
        """Show a message without breaking the bar."""
        tqdm.write(message, file=sys.stderr)

    def line(self) -> str:
        rate = (self._done - self._before) / max(time.monotonic() - self._start, 1e-9)
        left = (self._total - self._done) / rate if rate else float("inf")
        return f"{self._done:,} of {self._total:,} {self._unit}, {rate:.1f}/s, {left:,.0f} s left"
