"""AUROC of score columns on pairs of damaged and good copies, with a paired bootstrap over source photos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from quality_cases import ORIGINAL

Scores = Mapping[tuple[str, str], float]  # (photo, case) -> score

NUM_DRAWS = 2000
RECALL = 0.95  # of blur 2, where false drops are counted
RULE = 0.5  # the bound of the `general` rules on `clarity` and `upscale`
KEPT = (ORIGINAL, "bokeh", "contrast", "q92")
BLURRED = ("gaussian 1", "gaussian 2", "gaussian 4", "motion 9", "motion 21", "upscale 2", "upscale 4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One line of the table: does `column` tell the good copies from the bad."""

    name: str
    column: str
    bad: tuple[str, ...]
    reach: float
    good: tuple[str, ...] = (ORIGINAL,)
    high_is_bad: bool = False


TESTS = (
    Test(name="keep against blur", column="clarity", good=KEPT, bad=BLURRED, reach=0.985),
    Test(name="Gaussian 1", column="clarity", bad=("gaussian 1",), reach=0.99),
    Test(name="motion 21", column="clarity", bad=("motion 21",), reach=0.985),
    Test(name="upscaled x2", column="clarity", bad=("upscale 2",), reach=0.99),
    Test(name="upscaled x2, sharpened", column="clarity", bad=("upscale 2 sharpened",), reach=0.96),
    Test(name="upscaled x2", column="upscale", bad=("upscale 2",), reach=0.99, high_is_bad=True),
    Test(name="upscaled x2, sharpened", column="upscale", bad=("upscale 2 sharpened",), reach=0.96, high_is_bad=True),
    Test(name="motion 21", column="motion", bad=("motion 21",), reach=0.985, high_is_bad=True),
    Test(name="JPEG q30", column="blockiness", bad=("jpeg 30",), reach=0.98, high_is_bad=True),
    Test(name="cropped, saved again", column="blockiness", bad=("resaved 30",), reach=0.97, high_is_bad=True),
    Test(name="blur 2, noise 5", column="clarity", bad=("blur 2 noise 5",), reach=0.99),
    Test(name="subject out of focus", column="subject", bad=("subject out of focus",), reach=0.95),
    Test(name="bokeh against blur 2", column="clarity", good=("bokeh",), bad=("gaussian 2",), reach=0.99),
    Test(name="noise 10", column="noise_sigma", bad=("noise 10",), reach=0.99, high_is_bad=True),
)


def comparisons(test: Test, scores: Scores, high_is_bad: bool) -> NDArray[np.float64]:
    """(p, p) how often photo i's good copies score better than photo j's bad ones, ties half."""
    photos = sorted({photo for photo, _ in scores})
    sign = -1 if high_is_bad else 1
    good, bad = (_table(scores, photos, cases) * sign for cases in (test.good, test.bad))
    difference = good[:, None, :, None] - bad[None, :, None, :]
    return ((difference > 0) + 0.5 * (difference == 0)).mean(axis=(2, 3))  # type: ignore[no-any-return]


def _table(scores: Scores, photos: Sequence[str], cases: Sequence[str]) -> NDArray[np.float64]:
    """(p, c); no score is the worst score."""
    return np.array([[scores.get((photo, case), 0.0) for case in cases] for photo in photos], np.float64)


def bootstrap(ours: NDArray[np.float64], other: NDArray[np.float64], rng: np.random.Generator) -> tuple[float, float]:
    """The middle 95% of the difference in AUROC when the photos are drawn again, the same for both."""
    count = len(ours)
    weight = rng.multinomial(count, np.full(count, 1 / count), NUM_DRAWS) / count
    drawn = np.einsum("ni,ij,nj->n", weight, ours - other, weight)
    return float(np.quantile(drawn, 0.025)), float(np.quantile(drawn, 0.975))


def line(test: Test, ours: Scores, peers: Mapping[str, Scores], rng: np.random.Generator) -> str:
    """A row of the Markdown table: ours and the best peer. Every peer score is higher for sharper pictures."""
    own = comparisons(test, ours, test.high_is_bad)
    start = f"| {test.name} | `{test.column}` | {test.reach} | {own.mean():.4f} |"
    if not peers:
        return f"{start} | | {'yes' if own.mean() >= test.reach else 'no'} |"
    by_peer = {name: comparisons(test, scores, high_is_bad=False) for name, scores in peers.items()}
    best = max(by_peer, key=lambda name: by_peer[name].mean())
    low, high = bootstrap(own, by_peer[best], rng)
    met = "yes" if own.mean() >= test.reach and own.mean() > by_peer[best].mean() else "no"
    others = f"{by_peer[best].mean():.3f} ({best}) | {low:+.3f} to {high:+.3f}"
    return f"{start} {others} | {met} |"


HEAD = "| test | column | reach | ours | best peer | ours less peer, 95% | met |\n|---|---|---|---|---|---|---|"


def false_drops(clarity: Scores) -> float:
    """The share of originals under the threshold that drops 95% of the copies with blur 2."""
    return float((_of_case(clarity, ORIGINAL) <= np.quantile(_of_case(clarity, "gaussian 2"), RECALL)).mean())


def beyond_rule(scores: Scores, cases: Sequence[str], high_is_bad: bool) -> dict[str, float]:
    """The share of each case's copies that the rule drops."""
    sign = -1 if high_is_bad else 1
    return {case: float((sign * _of_case(scores, case) < sign * RULE).mean()) for case in cases}


def _of_case(scores: Scores, case: str) -> NDArray[np.float64]:
    return np.array([score for (_, of), score in scores.items() if of == case])
