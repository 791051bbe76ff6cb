"""Our score columns of the files of the quality bench, and of the labelled photos."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from fit_clarity import folds
from quality_cases import Copy, large_photos
from quality_table import Scores

from curate.calibrate import AT_MOST, auroc, bound_of
from curate.compression import Compression
from curate.fusion import Net, shipped_nets
from curate.picture import Picture
from curate.select import OK, resolve, select
from curate.sharpness import scores
from curate.tilefeatures import measure
from pipelines.curation.selecting import load_rules

FALSE_DROPS = 0.05  # of the large photos as they are: sets the thresholds of JUDGED_BY
# label -> column, high where it is bad. Compression was labelled by eye: what is seen are the blocks, not how coarsely
# they are coded. All others are judged by the rules `general` on SHARPNESS.
JUDGED_BY = {"compressed": "block_steps", "compressed_soft": "block_steps", "noisy": "noise_sigma"}
SHARPNESS = ("clarity", "blur", "motion")
BLURRED = ("defocus_blur", "motion_blur", "soft_motion_blur", "soft_upscaled")
BORDERLINE = ("partial_defocus", "soft", "low_quality_phone")  # shown, not judged
Found = Mapping[str, float | None]


class Judge:
    """Scores files by the shipped nets, or each photo by the nets whose fit has not seen it."""

    def __init__(self, fold_nets: Path | None) -> None:
        self.compression = Compression()
        self.shipped = shipped_nets()
        self.by_fold: Mapping[str, list[Net]] = {}
        self._large: dict[str, Found] = {}
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

    def columns(self, path: Path, nets: Mapping[str, Net]) -> Found:
        picture = Picture(path.read_bytes())
        found = self.compression([picture])
        blocks = {name: found.column(name)[0].as_py() for name in ("blockiness", "block_steps")}
        return {**scores(measure(picture.grey), nets), **blocks}

    def _nets(self, photo: str) -> Mapping[str, Net]:
        if not self.by_fold:
            return self.shipped
        fold = int(folds([photo])[0])
        return {name: nets[fold] for name, nets in self.by_fold.items()}

    def _of_large(self, data: Path) -> dict[str, Found]:
        """The columns of the large photos, measured once."""
        if not self._large:
            self._large = {name: self.columns(path, self._nets(name)) for name, path in large(data).items()}
        return self._large

    def labelled(self, data: Path) -> Iterator[str]:
        """A line a photo of `blur`: on which side of the rules and thresholds it is."""
        good = list(self._of_large(data).values())
        limits = {
            column: bound_of(np.array([found[column] for found in good], float), AT_MOST, FALSE_DROPS)
            for column in set(JUDGED_BY.values())
        }
        dropped = sum(map(bool, _failing(good)))
        yield f"\nlabelled photos; `general` on {', '.join(SHARPNESS)} drops {dropped} of the {len(good)} large photos"
        for row in labelled_photos(data):
            found = self.columns(data / "blur" / row["file"], self.shipped)
            column = JUDGED_BY.get(row["label"])
            did = _over(column, found, limits[column]) if column else _failing([found])[0]
            right = "not judged" if row["label"] in BORDERLINE else _side(bool(did), row["label"] != "sharp")
            shown = ", ".join(f"{name} {found[name] or 0:.3f}" for name in ((column,) if column else SHARPNESS))
            yield f"{right}: {row['file']} ({row['label']}): {f'dropped, {did}' if did else 'kept'}; {shown}"

    def against_filters(self, data: Path, filters: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
        """Real blur by score: AUROC of the large photos against the blurred ones of `blur`, and how many of these fall
        at the bound that drops 2 of the large. filters: {filter: {file name as in `side_by_side`: score}}."""
        good = self._of_large(data)
        bad = {name: self.columns(path, self.shipped) for name, path in blurred(data).items()}
        both = {flat(name): found for name, found in {**good, **bad}.items()}
        ours = {
            "clarity": {name: found["clarity"] or 0.0 for name, found in both.items()},
            "blur": {name: -(found["blur"] or 0.0) for name, found in both.items()},
        }
        for name, scored in {**ours, **filters}.items():
            high, low = (np.array([scored[flat(one)] for one in part]) for part in (good, bad))
            fallen = int((low < np.sort(high)[2]).sum())
            yield f"{name}: AUROC {auroc(high, low):.3f}; {fallen} of {len(low)} fall where 2 of {len(high)} large do"


def large(data: Path) -> dict[str, Path]:
    """The large photos by name."""
    return {photo: data / "natural" / photo for photo in large_photos(data)}


def labelled_photos(data: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (data / "blur" / "manifest.jsonl").read_text().splitlines()]


def blurred(data: Path) -> dict[str, Path]:
    """The photos that a lens or a hand has blurred, by name."""
    rows = (row for row in labelled_photos(data) if row["label"] in BLURRED)
    return {f"blur/{row['file']}": data / "blur" / row["file"] for row in rows}


def flat(name: str) -> str:
    return name.replace("/", "_")


def side_by_side(data: Path, folder: Path) -> None:
    """Links to the large and the blurred photos in one folder, for the filters."""
    for name, path in {**large(data), **blurred(data)}.items():
        (folder / flat(name)).symlink_to(path.resolve())


def _failing(pictures: Sequence[Found]) -> list[str]:
    """The first rule of `general` on SHARPNESS that each picture fails, or ""."""
    general = load_rules("general")["general"]
    rules = tuple(rule for rule in general.rules if rule.column in SHARPNESS)
    batch = pa.RecordBatch.from_pylist([{"status": OK, **found} for found in pictures])
    cuts = resolve(replace(general, rules=rules), batch.schema.names, lambda: [batch])
    return [reason or "" for reason in select(batch, cuts).array().to_pylist()]


def _over(column: str, found: Found, limit: float) -> str:
    return f"{column} over {limit:.3f}" if (found[column] or 0.0) > limit else ""


def _side(dropped: bool, should_be: bool) -> str:
    return "right" if dropped == should_be else "WRONG"
