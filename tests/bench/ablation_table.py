"""The ablation's figures as Markdown: means of the arms, and differences of pairs of one seed with 95% intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from scipy.stats import t as student

from tests.bench.ablation_arms import ARMS

CONFIDENCE = 0.95
CONTRASTS = (("4", "1"), ("4", "3"), ("4", "2"), ("2", "1"), ("3", "2"), ("4", "5"), ("1", "6"))
Found = Mapping[tuple[str, int], Mapping[str, float]]  # arm and seed: measures


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A row of the tables."""

    key: str
    label: str
    digits: int = 3


def _measures() -> tuple[Measure, ...]:
    choices = [
        Measure(key=f"choice/{language}/{ground}{band}", label=f"forced choice, {name}, {ground}, {px} px")
        for language, name in (("en", "English"), ("zh", "Chinese"))
        for ground in ("paper", "photo")
        for band, px in (("", "5 to 20"), ("/5-9", "5 to 9"), ("/10-13", "10 to 13"), ("/14-20", "14 to 20"))
    ]
    neds = [
        Measure(key=f"ned/{language}/{ground}/{band}", label=f"NED of charts, {name}, {ground}, {px} px")
        for language, name in (("en", "English"), ("zh", "Chinese"))
        for ground in ("paper", "photo")
        for band, px in (("5-9", "5 to 9"), ("10-13", "10 to 13"), ("14-20", "14 to 20"))
    ]
    return (
        Measure(key="ned/page", label="NED, held-out pages, 10 pt at 20 px"),
        Measure(key="ned/screen", label="NED, held-out pages, 10 pt at 13 px"),
        Measure(key="ned/drawn", label="NED, pages drawn on held-out photos, 14 to 20 px"),
        *neds,
        *choices,
        Measure(key="psnr/page", label="PSNR of held-out pages, 10 pt at 20 px, dB", digits=2),
        Measure(key="psnr/screen", label="PSNR of held-out pages, 10 pt at 13 px, dB", digits=2),
        Measure(key="psnr/drawn", label="PSNR of pages drawn on held-out photos, dB", digits=2),
        Measure(key="psnr/photo", label="PSNR of held-out photos, dB", digits=2),
    )


MEASURES = _measures()


def tables(found: Found) -> str:
    """Both tables."""
    return f"{means(found)}\n\n{differences(found)}"


def means(found: Found) -> str:
    """By measure the mean of each arm over its seeds."""
    seeds = {arm: here for arm in ARMS if (here := sorted(seed for name, seed in found if name == arm))}
    head = ["mean over seeds", *(f"({arm}), {_count(len(here), 'run')}" for arm, here in seeds.items())]
    rows = [
        [
            measure.label,
            *(_mean([found[arm, seed][measure.key] for seed in here], measure) for arm, here in seeds.items()),
        ]
        for measure in MEASURES
    ]
    return _markdown(head, rows)


def _mean(values: Sequence[float], measure: Measure) -> str:
    return f"{fmean(values):.{measure.digits}f}"


def differences(found: Found) -> str:
    """By measure the mean difference of each contrast over the seeds that both arms have, and its interval."""
    pairs = {
        (a, b): here
        for a, b in CONTRASTS
        if (here := sorted(seed for arm, seed in found if arm == a and (b, seed) in found))
    }
    head = [
        "difference, 95% interval",
        *(f"({a}) - ({b}), {_count(len(seeds), 'pair')}" for (a, b), seeds in pairs.items()),
    ]
    rows = [
        [measure.label, *(_difference(found, measure, *pair, seeds) for pair, seeds in pairs.items())]
        for measure in MEASURES
    ]
    return _markdown(head, rows)


def _difference(found: Found, measure: Measure, a: str, b: str, seeds: Sequence[int]) -> str:
    values = [found[a, seed][measure.key] - found[b, seed][measure.key] for seed in seeds]
    mean, half = interval(values)
    shown = f"{mean:+.{measure.digits}f}"
    if math.isinf(half):
        return f"{shown}, no interval"
    sure = "**" if abs(mean) > half else ""
    return f"{sure}{shown} ± {half:.{measure.digits}f}{sure}"


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half width of Student's interval; infinite for a single value."""
    if len(values) < 2:
        return fmean(values), math.inf
    width = float(student.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
    return fmean(values), width * stdev(values) / math.sqrt(len(values))


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
