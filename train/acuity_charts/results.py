"""The figures of an acuity measurement: every cell of every model, and what follows, as acuity.json holds them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from train.acuity_charts.scores import (
    GROUNDS,
    NEVER,
    THRESHOLD,
    Acuity,
    Mean,
    Measured,
    acuity_of,
    by_size,
    choice_of,
    ned_of,
    ned_size,
    ned_truth_of,
    shown_px,
)

FALL_ERRORS = 3.0
ABOUT = {
    "forced_choice": "share of characters told apart from their nine nearest look-alikes, chance-corrected: "
    "(right - 0.1) / 0.9",
    "acuity": f"smallest em, px, from which and at all larger sizes the forced choice is at least {THRESHOLD}; "
    "95% bootstrap interval over charts",
    "ned": "1 - edit distance / length of the longer, of the reading against that of the original, mean over lines",
    "ned_truth": "the same against the true text; spaces and widths of signs do not count",
    "readable": f"whether the original itself reads at {THRESHOLD} or better against the truth; else NED tells nothing",
    "falls": f"where a larger size has a lower share, by more than {FALL_ERRORS:g} standard errors of the difference",
    "stderr": "standard error, each chart counted as one draw among those of its ground and contrast",
}


@dataclass(frozen=True)
class Results:
    """Models by name, references first, with their charts; of the originals' charts what was read."""

    models: Mapping[str, Sequence[Measured]]
    original: Sequence[Measured]
    seed: int = 0

    @cached_property
    def languages(self) -> tuple[str, ...]:
        return tuple(sorted({chart.kind.language for chart in self.original}))

    @cached_property
    def grounds(self) -> tuple[str, ...]:
        """ "all", and each ground where there are several."""
        found = {chart.kind.ground for chart in self.original}
        return tuple(ground for ground in GROUNDS if ground == "all" or (ground in found and len(found) > 1))

    @cached_property
    def reads(self) -> bool:
        """Whether an OCR engine read the charts."""
        return any(chart.ned_truth for chart in self.original)

    def sizes(self, language: str) -> tuple[int, ...]:
        """The sizes there are, px."""
        return tuple(by_size(self.original, language))

    def acuity(self, model: str, language: str, ground: str = "all") -> Acuity:
        """The acuity by forced choice."""
        place = model, language, ground
        if place not in self._acuities:
            self._acuities[place] = acuity_of(self.models[model], language, ground, self.seed)
        return self._acuities[place]

    @cached_property
    def _acuities(self) -> dict[tuple[str, str, str], Acuity]:
        return {}

    def choice(self, model: str, language: str, size: int, ground: str = "all") -> Mean:
        """The chance-corrected forced choice of one cell."""
        return choice_of(by_size(self.models[model], language, ground).get(size, []))

    def ned(self, model: str, language: str, size: int, ground: str = "all") -> Mean:
        """NED of one cell, relative to the original's reading."""
        return ned_of(by_size(self.models[model], language, ground).get(size, []))

    def ned_truth(self, model: str, language: str, size: int, ground: str = "all") -> Mean:
        """NED of one cell, relative to the true text."""
        return ned_truth_of(by_size(self.models[model], language, ground).get(size, []))

    def ceiling(self, language: str, size: int, ground: str = "all") -> Mean:
        """How the original itself reads, relative to the true text."""
        return ned_truth_of(by_size(self.original, language, ground).get(size, []))

    def readable(self, language: str, size: int, ground: str = "all") -> bool:
        """Whether NED tells anything there."""
        return self.ceiling(language, size, ground).mean >= THRESHOLD

    def largest_stderr(self, model: str, language: str) -> tuple[float, float]:
        """The largest standard errors of forced choice and of NED that any size has; nan where none is known."""
        sizes = self.sizes(language)
        choices = [self.choice(model, language, size).stderr for size in sizes]
        return _largest(choices), _largest([self.ned(model, language, size).stderr for size in sizes])

    def falls(self, model: str, language: str) -> list[tuple[str, int, int, float]]:
        """Where a curve goes down though characters grow, by more than chance explains (3 standard errors of the
        difference): "forced choice" or "NED", the two sizes, and by how much."""
        found = []
        for name, curve in (("forced choice", self.choice), ("NED", self.ned)):
            for smaller, larger in pairwise(self.sizes(language)):
                first, second = curve(model, language, smaller), curve(model, language, larger)
                down = first.mean - second.mean
                if down > FALL_ERRORS * math.hypot(first.stderr, second.stderr) + 1e-9:
                    found.append((name, smaller, larger, down))
        return found

    def ned_px(self, model: str, language: str, ground: str = "all") -> tuple[float, int]:
        """The smallest size of a NED of 0.9, and the smallest that is readable at all (0: none)."""
        return ned_size(self.models[model], lambda size: self.readable(language, size, ground), language, ground)

    def shown_ned_px(self, model: str, language: str, ground: str = "all") -> str:
        """That size as read; "≤ 8" where smaller text cannot be read on the originals either."""
        px, smallest = self.ned_px(model, language, ground)
        if not smallest:
            return "not readable" if self.reads else ""
        return shown_px(px, smallest, max(self.sizes(language)))


def _largest(values: Sequence[float]) -> float:
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def as_json(results: Results) -> dict[str, Any]:
    """The figures, in plain values; what is not known or never reached is null."""
    return {
        "about": ABOUT,
        "threshold": THRESHOLD,
        "models": {
            name: {
                "acuity": [_acuity(results, name, language, ground) for language, ground in _places(results)],
                "curves": [_curve(results, name, language) for language in results.languages],
                "cells": [
                    _cell(results, name, language, ground, size)
                    for language, ground in _places(results)
                    for size in results.sizes(language)
                ],
            }
            for name in results.models
        },
    }


def _places(results: Results) -> list[tuple[str, str]]:
    return [(language, ground) for language in results.languages for ground in results.grounds]


def _acuity(results: Results, name: str, language: str, ground: str) -> dict[str, Any]:
    found, (ned_px, smallest) = results.acuity(name, language, ground), results.ned_px(name, language, ground)
    return {
        "language": language,
        "ground": ground,
        "px": _number(found.px),
        "low_px": _number(found.low),
        "high_px": _number(found.high),
        "shown": str(found),
        "ned_px": _number(ned_px),
        "ned_readable_from_px": smallest or None,
        "ned_shown": results.shown_ned_px(name, language, ground),
    }


def _curve(results: Results, name: str, language: str) -> dict[str, Any]:
    choice, ned = results.largest_stderr(name, language)
    falls = results.falls(name, language)
    return {
        "language": language,
        "largest_forced_choice_stderr": _number(choice),
        "largest_ned_stderr": _number(ned),
        "falls": [{"of": of, "from_px": a, "to_px": b, "by": _number(by)} for of, a, b, by in falls],
    }


def _cell(results: Results, name: str, language: str, ground: str, size: int) -> dict[str, Any]:
    choice, ned = results.choice(name, language, size, ground), results.ned(name, language, size, ground)
    truth = results.ned_truth(name, language, size, ground)
    return {
        "language": language,
        "ground": ground,
        "size_px": size,
        "forced_choice": _number(choice.mean),
        "forced_choice_stderr": _number(choice.stderr),
        "num_targets": choice.num,
        "ned": _number(ned.mean),
        "ned_stderr": _number(ned.stderr),
        "ned_truth": _number(truth.mean),
        "ned_truth_stderr": _number(truth.stderr),
        "original_ned_truth": _number(results.ceiling(language, size, ground).mean),
        "num_lines": ned.num,
        "readable": results.readable(language, size, ground),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) or value == NEVER else round(value, 4)
