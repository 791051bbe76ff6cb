"""How fast a run goes, from one line of its log to the next."""

import time
from collections.abc import Callable


class Pace:
    """Counts steps and the seconds that they waited for data; pauses, such as an evaluation, do not count.

    clock: seconds, from any beginning.
    """

    def __init__(self, num_images: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.restart(num_images)

    def restart(self, num_images: int) -> None:
        """Forget what was counted: a pause ends, so many images having been seen."""
        self._begun, self._before, self.seen, self._waited_s = self._clock(), num_images, num_images, 0.0

    def step(self, num_images: int, waited_s: float) -> None:
        """Count a step, after which so many images have been seen."""
        self.seen = num_images
        self._waited_s += waited_s

    def take(self) -> dict[str, float]:
        """What was counted, as figures; counting begins again."""
        seconds = max(self._clock() - self._begun, 1e-9)
        figures = {"images_per_s": (self.seen - self._before) / seconds, "data_wait": self._waited_s / seconds}
        self.restart(self.seen)
        return figures
