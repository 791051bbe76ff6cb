"""An evaluation on disk: the official evaluator's two files, every image's figures, and whose evaluation it is."""

import json
import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipelines.shards.folder import Folder
from pipelines.shards.identity import check_free, difference
from train.evaluation.measuring import MADE, Row
from train.evaluation.ned import Reading, ned_details, ned_over_all, official_ned
from train.metrics import mean_finite, rank_correlation

RESULTS, DETAILS, PER_IMAGE, IDENTITY = "results.json", "ned_details.json", "per_image.json", "evaluation.json"
MEANS = ("PSNR", "SSIM", "LPIPS")
ORDER = (*MEANS, "FID", "NED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One model's figures on one set of images.

    about: name, engine, preset and the like. places: the folders of originals and reconstructions.
    readings: of the images that are not faulty, where text was read.
    """

    rows: list[Row]
    about: dict[str, Any]
    places: dict[str, str]
    readings: list[Reading] = field(default_factory=list)
    fid: float | None = None

    @property
    def name(self) -> str:
        return str(self.about["name"])

    @property
    def good(self) -> list[Row]:
        """The rows that count."""
        return [row for row in self.rows if not row.fault]

    @property
    def faults(self) -> Counter[str]:
        """How many images are left out, by kind of fault."""
        return Counter(row.fault.partition(":")[0] for row in self.rows if row.fault)

    def values(self, figure: str) -> list[float]:
        """A figure of each image that counts and has it; of NED, of those whose original reads as anything."""
        if figure == "NED":
            return list(self.neds.values())
        return [row.figures[figure] for row in self.good if figure in row.figures]

    @property
    def neds(self) -> dict[str, float]:
        """NED by file, of images whose original reads as anything."""
        return {reading.file: reading.ned for reading in self.readings if reading.gt_text}

    def rank_correlations(self) -> dict[str, float]:
        """By pixel metric, Spearman's correlation with NED over images whose original reads as anything."""
        neds, found = self.neds, {}
        for figure in MEANS:
            both = [
                (row.figures[figure], neds[row.file]) for row in self.good if figure in row.figures and row.file in neds
            ]
            if len(both) > 2:
                found[figure] = rank_correlation([value for value, _ in both], [ned for _, ned in both])
        return found

    def results(self) -> dict[str, Any]:
        """The content of results.json: the official keys, and `evaluation` beside them."""
        results: dict[str, Any] = {"num_samples": len(self.good)}
        for figure in MEANS:
            if values := self.values(figure):
                results[figure] = _rounded(mean_finite(values))
        if self.fid is not None:
            results["FID"] = _rounded(self.fid)
        about = self.about | {"num_resized": sum(row.resized for row in self.good), "left_out": dict(self.faults)}
        if self.readings:
            mean, num_valid = official_ned(self.readings)
            results |= {"NED": _rounded(mean), "NED_samples": num_valid}
            about |= {"NED_over_all": _rounded(ned_over_all(self.readings))}
        return results | {"evaluation": about}

    def write(self, out: Folder) -> None:
        """Write the files; those of NED only where text was read."""
        texts = {reading.file: reading for reading in self.readings}
        rows = [asdict(row) | _texts(texts.get(row.file)) for row in self.rows]
        out.put(PER_IMAGE, _json({"about": self.about, "places": self.places, "fid": self.fid, "rows": rows}))
        if self.readings:
            out.put(DETAILS, _json(ned_details(self.readings)))
        out.put(RESULTS, _json(self.results()))


def read_evaluation(folder: str) -> Evaluation:
    """What `Evaluation.write` wrote. Raises ValueError where it is not there or damaged."""
    path = Path(folder, PER_IMAGE)
    if not path.is_file():
        raise ValueError(f"{folder} holds no {PER_IMAGE}: name a folder that evaluate.py has finished")
    try:
        content = json.loads(path.read_bytes())
        rows, readings = [], []
        for values in content["rows"]:
            read = values.pop("read", None)
            rows.append(Row(**values))
            if read:
                boxes = tuple(map(tuple, read.pop("gt_boxes")))
                readings.append(Reading(**read, gt_boxes=boxes))
        about, places, fid = content["about"], content["places"], content["fid"]
        return Evaluation(rows=rows, about=about, places=places, readings=readings, fid=fid)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({error}): evaluate again") from error


def claim(out: Folder, identity: dict[str, Any], weights: dict[str, str]) -> None:
    """Make the folder this evaluation's, or check that it is; `weights`, by metric, may be added to later.

    Raises ValueError showing each difference, and where it holds other things.
    """
    mine = json.loads(json.dumps(identity | {"weights": weights}))
    if out.exists(IDENTITY):
        theirs = _identity(out)
        mine["weights"] = theirs["weights"] | weights
        theirs["weights"] = mine["weights"] | theirs["weights"]
        if lines := difference(theirs, mine):
            shown = "\n".join(f"  {line}" for line in lines)
            raise ValueError(f"{out.url} holds another evaluation (there -> now):\n{shown}\nName another folder.")
    else:
        check_free(out, (MADE,))
    out.put(IDENTITY, _json(mine))


def _identity(out: Folder) -> dict[str, Any]:
    try:
        found = json.loads(out.read(IDENTITY))
        return dict(found) | {"weights": dict(found["weights"])}
    except (ValueError, TypeError, KeyError) as error:
        remedy = "whose evaluation it is cannot be told; name another folder"
        raise ValueError(f"{out.url}/{IDENTITY} is damaged ({error}): {remedy}") from error


def _texts(reading: Reading | None) -> dict[str, Any]:
    return {"read": asdict(reading)} if reading else {}


def _rounded(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
