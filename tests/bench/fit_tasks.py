"""What the networks of curate/fusion.json learn: which samples are examples of what, and which features tell."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from spoiled import ENLARGED

from curate.calibrate import AT_LEAST, AT_MOST
from curate.sharpness import edge_scores
from curate.tilefeatures import Measured, features, subject_features

SOFT_PX, FEW_SHARP = 1.5, 0.15  # a crop with more blur and fewer sharp tiles is soft
WHOLE = "whole"  # the group of large photos neither cut nor spoiled, which no net learns from
APART = ("off_subject", WHOLE)
LIKE_ENLARGED = ("gaussian", "defocus", "blur_noise")  # an enlargement by linear steps is the same as a blur


def _is_any(name: str) -> bool:
    return True


def _is_relative(name: str) -> bool:
    """Ratios alone. Noise comes after the lens: by its level alone a blurred photo would pass for a sharp one."""
    return not name.startswith(("band_", "noise", "grain"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One sample, measured."""

    source: str
    group: str
    way: str
    strength: float
    measured: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What one net learns: a label of 1 or 0, or None for samples that say nothing of it."""

    features: Callable[[Measured], dict[str, float]]
    label: Callable[[Row], float | None]
    drops: str = ""  # AT_LEAST or AT_MOST for what a rule drops a picture by: the .5 of these is set by false drops
    views: tuple[Callable[[str], bool], ...] = (_is_any,) * 3  # which features each part of the net sees
    weights: Mapping[str, float] = field(default_factory=dict)  # by way of spoiling, where not 1


def _clarity(row: Row) -> float | None:
    """A good photo's crop without one sharp edge is no example of sharpness."""
    if row.group in APART or (row.group == "kept" and _is_soft(row.measured)):
        return None
    return float(row.group == "kept")


def _is_soft(measured: Measured) -> bool:
    found = edge_scores(measured, features(measured)["middle_worst"])
    return found["blur"] is not None and found["blur"] > SOFT_PX and found["sharp_share"] < FEW_SHARP


def _subject(row: Row) -> float | None:
    return {"kept": 1.0, "off_subject": 0.0}.get(row.group)


def _upscale(row: Row) -> float | None:
    return None if row.group in APART or row.way in LIKE_ENLARGED else float(row.way in ENLARGED)


def _motion(row: Row) -> float | None:
    """A shake may have one direction or none."""
    return None if row.group in APART or row.way == "shake" else float(row.way == "motion")


TASKS = {
    "clarity": Task(
        features=features,
        label=_clarity,
        drops=AT_LEAST,
        views=(_is_any,) * 4 + (_is_relative,) * 2,
        weights={"upscale_sharpened": 0.4, "blur_noise": 2},  # `upscale` tells the one; the other is seldom drawn
    ),
    "subject": Task(features=subject_features, label=_subject),
    "upscale": Task(features=features, label=_upscale, drops=AT_MOST),
    "motion": Task(features=features, label=_motion),
}
