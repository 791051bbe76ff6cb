"""Sharpness, shake, enlargement and noise of a picture, from the tiles that show most."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import cv2
import numpy as np
import pyarrow as pa

from curate.fusion import WEIGHTS, Net, shipped_nets
from curate.picture import Picture
from curate.tilefeatures import Measured, features, measure, subject_features

COLUMNS = {
    "clarity": "how surely the picture is sharp somewhere, rather than blurred, shaken or enlarged; 0 to 1; .5 keeps "
    "95% of the photos it was fitted on; higher is sharper; fitted on spectra and edges of up to 64 tiles",
    "blur": "sigma of the Gaussian that would blur a step as the steepest edges are, in the worst of four directions; "
    "px, 0.3 to 8; lower is sharper; gradients at two scales; null without edges",
    "motion": "probability that the blur has one direction; 0 to 1; higher is worse; fitted as clarity",
    "sharp_share": "share of the tiles with edges that are sharp; 0 to 1; higher is sharper; edges steeper than of "
    "blur 1.3 px; null without edges",
    "subject": "probability that the middle of the picture is as sharp as its rim; 0 to 1; higher is better; fitted "
    "on middle and rim of the tiles",
    "upscale": "how surely the picture was enlarged from a smaller one; 0 to 1; .5 keeps 95% of the photos it was "
    "fitted on; higher is worse; fitted as clarity",
    "noise_sigma": "deviation of the luma noise; levels of 255, 0 and up; higher is worse; second differences in the "
    "quietest blocks of 16 px",
}
RULES_VERSION = "2"  # of what is not in the weights file
SHARP_BLUR_PX = 1.3
LEAST_PX, MOST_PX = 0.3, 8.0
FINE_VARIANCE, COARSE_VARIANCE = 1.0, 5.0  # px squared, of the two scales of edge_ratios' middle ratio
MIDDLE_RATIO = 1  # its place


class Sharpness:
    """Seven columns; all null for a picture with a side under 64 px."""

    schema = pa.schema([pa.field(name, pa.float32(), metadata={"about": about}) for name, about in COLUMNS.items()])

    def __init__(self) -> None:
        self.nets = shipped_nets()
        weights = sha256(WEIGHTS.read_bytes()).hexdigest()[:12]
        self.version = f"{RULES_VERSION}-{weights} numpy {np.__version__} opencv {cv2.__version__}"

    def __call__(self, pictures: Sequence[Picture]) -> pa.RecordBatch:
        rows = [scores(measure(picture.grey), self.nets) for picture in pictures]
        columns = [pa.array([row.get(name) for row in rows], pa.float32()) for name in COLUMNS]
        return pa.record_batch(columns, schema=self.schema)


def scores(measured: Measured | None, nets: Mapping[str, Net]) -> dict[str, float | None]:
    """The columns of one picture; empty where nothing was measured."""
    if measured is None:
        return {}
    row, middle_row = features(measured), subject_features(measured)
    return {
        "clarity": nets["clarity"].probability(row),
        "motion": nets["motion"].probability(row),
        "subject": nets["subject"].probability(middle_row),
        "upscale": nets["upscale"].probability(row),
        "noise_sigma": measured.noise,
        **edge_scores(measured, row["middle_worst"]),
    }


def edge_scores(measured: Measured, worst_ratio: float) -> dict[str, float | None]:
    """`blur` and `sharp_share`, which need no fit; `worst_ratio` is the feature middle_worst."""
    blur_px = blur_of_ratio(measured.edges[:, :, MIDDLE_RATIO])
    with_edges = (~np.isnan(blur_px)).any(axis=1)
    if not with_edges.any():
        return {"blur": None, "sharp_share": None}
    sharp = (blur_px < SHARP_BLUR_PX).any(axis=1)
    return {"blur": float(blur_of_ratio(np.array(worst_ratio))), "sharp_share": float(sharp.sum() / with_edges.sum())}


def blur_of_ratio(ratio: np.ndarray) -> np.ndarray:
    """The blur, px, of edges whose gradient after sigma 1 px is `ratio` times that after sigma 2.24; NaN stays.

    A step of blur s has a gradient of 1 / sqrt(s**2 + v) after a smoothing of variance v.
    """
    squared = np.maximum(ratio.astype(np.float64) ** 2, 1 + 1e-6)
    variance = (COARSE_VARIANCE - squared * FINE_VARIANCE) / (squared - 1)
    return np.clip(np.sqrt(np.maximum(variance, 0)), LEAST_PX, MOST_PX)  # type: ignore[no-any-return]
