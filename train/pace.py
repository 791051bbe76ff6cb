"""How fast a run goes, from one line of its log to the next."""

import time


class Pace:
    """Counts steps and the seconds that they waited for data; pauses, such as an evaluation, do not count."""

    def __init__(self, num_images: int) -> None:
        self.restart(num_images)

    def restart(self, num_images: int) -> None:
        """Forget what was counted: a pause ends, so many images having been seen."""
        self._begun, self._before, self.seen, self._waited_s = time.monotonic(), num_images, num_images, 0.0

    def step(self, num_images: int, waited_s: float) -> None:
        """Count a step, behind which so many images have been seen."""
        self.seen = num_images
        self._waited_s += waited_s

    def take(self) -> dict[str, float]:
        """What was counted, as figures; counting begins anew."""
        seconds = max(time.monotonic() - self._begun, 1e-9)
        figures = {"images_per_s": (self.seen - self._before) / seconds, "data_wait": self._waited_s / seconds}
        self.restart(self.seen)
        return figures
