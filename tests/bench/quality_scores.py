"""Our score columns of the files of the quality bench, and of the labelled photos."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from fit_clarity import folds
from quality_cases import Copy, large_photos
from quality_table import Scores

from curate.calibrate import AT_LEAST, AT_MOST, bound_of
from curate.compression import Compression
from curate.fusion import Net, shipped_nets
from curate.picture import Picture
from curate.sharpness import scores
from curate.tilefeatures import measure

FALSE_DROPS = 0.05  # of the large photos as they are: sets the threshold for the labelled ones
# label -> (column, whether high is bad)
JUDGED_BY = {
    "sharp": ("clarity", False),
    "defocus_blur": ("clarity", False),
    "motion_blur": ("clarity", False),
    "soft_motion_blur": ("clarity", False),
    "soft_upscaled": ("clarity", False),
    "compressed": (
        "block_steps",
        True,
    ),  # labelled by eye: what is seen are the blocks, not how coarsely they are coded
    "compressed_soft": ("block_steps", True),
    "noisy": ("noise_sigma", True),
}
BORDERLINE = ("partial_defocus", "soft", "low_quality_phone")  # by clarity; shown, not judged


class Judge:
    """Scores files by the shipped nets, or each photo by the nets whose fit has not seen it."""

    def __init__(self, fold_nets: Path | None) -> None:
        self.compression = Compression()
        self.shipped = shipped_nets()
        self.by_fold: Mapping[str, list[Net]] = {}
        if fold_nets:
            parts = json.loads(fold_nets.read_text())["nets"]
            self.by_fold = {name: [Net.of_json(net) for net in nets] for name, nets in parts.items()}

    def scores(self, copies: Sequence[Copy]) -> dict[str, Scores]:
        """column -> (photo, case) -> score"""
        found: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
        for copy in copies:
            for column, value in self.columns(copy.path, self._nets(copy.photo)).items():
                if value is not None:
                    found[column][copy.photo, copy.case] = value
        return found

    def columns(self, path: Path, nets: Mapping[str, Net]) -> dict[str, float | None]:
        picture = Picture(path.read_bytes())
        found = self.compression([picture])
        blocks = {name: found.column(name)[0].as_py() for name in ("blockiness", "block_steps")}
        return {**scores(measure(picture.grey), nets), **blocks}

    def _nets(self, photo: str) -> Mapping[str, Net]:
        if not self.by_fold:
            return self.shipped
        fold = int(folds([photo])[0])
        return {name: nets[fold] for name, nets in self.by_fold.items()}

    def labelled(self, data: Path) -> Iterator[str]:
        """A line a photo of `blur`: on which side of the thresholds it is."""
        good = [self.columns(data / "natural" / photo, self._nets(photo)) for photo in large_photos(data)]
        yield f"\nlabelled photos; thresholds drop at most {FALSE_DROPS:.0%} of the {len(good)} large photos"
        for row in map(json.loads, (data / "blur" / "manifest.jsonl").read_text().splitlines()):
            column, high_is_bad = JUDGED_BY.get(row["label"], ("clarity", False))
            values = np.array([found[column] for found in good], float)
            limit = bound_of(values, AT_MOST if high_is_bad else AT_LEAST, FALSE_DROPS)
            value = self.columns(data / "blur" / row["file"], self.shipped)[column] or 0.0
            dropped = value > limit if high_is_bad else value < limit
            right = "not judged" if row["label"] in BORDERLINE else _side(dropped, row["label"] != "sharp")
            did = "dropped" if dropped else "kept"
            yield f"{right}: {row['file']} ({row['label']}): {did} by {column} {value:.3f}, limit {limit:.3f}"


def _side(dropped: bool, should_be: bool) -> str:
    return "right" if dropped == should_be else "WRONG"
