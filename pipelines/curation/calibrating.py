"""Calibration: a sample of a corpus's own images, damaged in known ways and scored, in OUT/calibration."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from curate.damage import DAMAGES, Damage
from curate.picture import BadImage, Limits, Picture, Pixels
from curate.scorers import open_scorers
from curate.select import sound
from pipelines.curation.fitting import write_rules
from pipelines.curation.score_bins import score_columns
from pipelines.curation.scoretable import PLACE, SCORES, ScoreTable, images_of, part_of
from pipelines.curation.scoring import ImageOpener, Images
from pipelines.runner import run
from pipelines.shards.folder import Folder
from pipelines.shards.identity import JOB_FILE, claim_folder, difference
from pipelines.shards.seeds import rng_for

CALIBRATION, SAMPLE_FILE = "calibration", "sample.json"
IMAGES_A_SHARD = 4
MIN_SIDE_PX = 128
MAX_FAULT = 300  # characters
ANY_SIZE = Limits(max_bytes=2**30)  # crops, bounded by max_pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What is tried, and how many of the corpus's images may be lost."""

    calibrate_images: int = 200
    """Images of the corpus to try, drawn by the seed; each is damaged in every known way."""
    false_drop: float = 0.02
    """Share of the images as they are, 0 to 1, that a bound may drop; for each score column by itself."""
    max_crop_px: int = 1_000_000
    """Pixels of the crop that is damaged; larger images are cut, never shrunk."""
    calibrate_seed: int = 0
    """Seed of which images, which crops, and the damages' chance."""

    def __post_init__(self) -> None:
        if self.calibrate_images < 2:
            raise ValueError(f"calibrate_images is {self.calibrate_images}: give at least 2, better 100")
        if not 0 <= self.false_drop < 1:
            raise ValueError(f"false_drop is {self.false_drop}: give a share from 0, under 1")
        if self.max_crop_px < MIN_SIDE_PX**2:
            raise ValueError(f"max_crop_px is {self.max_crop_px}: give at least {MIN_SIDE_PX**2}")


def draw_sample(table: ScoreTable, calibration: Calibration) -> list[dict[str, Any]]:
    """Places of the images to try, in the order of the table: any without a fault that is no duplicate and has
    room for tiles, each as likely. Raises ValueError where there are fewer than two."""
    rng = rng_for(calibration.calibrate_seed, "calibrate sample", 0)
    found: list[tuple[float, int]] = []
    first = 0
    names = ("status", "duplicate_of", "duplicate_kind", "width_px", "height_px")
    for batch in table.batches([name for name in names if name in table.schema.names]):
        keep = sound(batch, keep_duplicates=False).keep
        for name in ("width_px", "height_px"):
            if name in batch.schema.names:
                keep &= np.asarray(batch.column(name).fill_null(0)) >= MIN_SIDE_PX
        draws = rng.random(len(batch))
        found += zip(draws[keep].tolist(), (first + np.flatnonzero(keep)).tolist(), strict=True)
        found = sorted(found)[: calibration.calibrate_images]
        first += len(batch)
    if len(found) < 2:
        raise ValueError(f"{table.url} has {len(found)} images to calibrate on: give a corpus with more good ones")
    return [{"number": number, **table.row(number, ["id", *PLACE])} for number in sorted(n for _, n in found)]


class CalibrateJob:
    """Scores each image of a sample as it is and damaged in each way, the strengths taken in turn."""

    def __init__(self, images: Images, scorers: Sequence[str], sample_url: str, calibration: Calibration) -> None:
        self._folder, self._opener = Folder(sample_url), ImageOpener(images)
        self._scorers = open_scorers(scorers)
        self.versions = {name: scorer.version for name, scorer in zip(scorers, self._scorers, strict=True)}
        self._calibration = calibration
        fields = [field for scorer in self._scorers for field in scorer.schema]
        self._amounts = score_columns(pa.schema(fields))
        self._empty: dict[str, Any] = dict.fromkeys(self._amounts)
        tried = [("number", pa.int64()), ("id", pa.string()), ("damage", pa.string()), ("strength", pa.float64())]
        outcome = [("fault", pa.string())]
        self.schema = pa.schema([*tried, *outcome, *(field for field in fields if field.name in self._amounts)])

    @cached_property
    def _sample(self) -> list[dict[str, Any]]:
        places: list[dict[str, Any]] = json.loads(self._folder.read(SAMPLE_FILE))
        return places

    def num_rows(self, shard: int) -> int:
        return len(self._places(shard)) * (1 + len(DAMAGES))

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        for offset, place in enumerate(self._places(shard)):
            index = shard * IMAGES_A_SHARD + offset
            try:
                rgb, fault = self._crop(place, index), ""
            except BadImage as error:
                rgb, fault = None, error.cause
            for name, strength, picture in variants(rgb, self._calibration.calibrate_seed, index):
                scores, problem = self._scores(picture) if picture is not None else (self._empty, fault)
                if problem:
                    counts[f"fault/{place['id']} {name}: {problem}"] += 1
                row = {"number": place["number"], "id": place["id"], "damage": name, "strength": strength}
                yield row | {"fault": problem} | scores

    def _places(self, shard: int) -> list[dict[str, Any]]:
        return self._sample[shard * IMAGES_A_SHARD : (shard + 1) * IMAGES_A_SHARD]

    def _crop(self, place: dict[str, Any], index: int) -> Pixels:
        """A part of the image of max_crop_px at most, of its own shape, anywhere. Raises BadImage."""
        rgb = self._opener.open({name: place[name] for name in PLACE}).rgb
        height, width = rgb.shape[:2]
        scale = min(1.0, (self._calibration.max_crop_px / (width * height)) ** 0.5)
        high, wide = max(1, int(height * scale)), max(1, int(width * scale))
        rng = rng_for(self._calibration.calibrate_seed, "calibrate crop", index)
        y, x = int(rng.integers(height - high + 1)), int(rng.integers(width - wide + 1))
        return np.ascontiguousarray(rgb[y : y + high, x : x + wide])

    def _scores(self, rgb: Pixels) -> tuple[dict[str, Any], str]:
        """The scores, and "" or why there are none."""
        _, data = cv2.imencode(".bmp", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
        picture = Picture(data.tobytes(), ANY_SIZE)
        values: dict[str, Any] = {}
        try:
            for scorer in self._scorers:
                values |= scorer([picture]).to_pylist()[0]
        except Exception as error:  # any fault of a scorer is its picture's, named in the row
            return self._empty, f"scorer failed: {type(error).__name__}: {error}"[:MAX_FAULT]
        return {name: values[name] for name in self._amounts}, ""


def variants(rgb: Pixels | None, seed: int, index: int) -> Iterator[tuple[str, float, Pixels | None]]:
    """The picture as it is ("", 0) and damaged in each way, one strength each; None throughout where it is None."""
    yield "", 0.0, rgb
    for number, (name, damage) in enumerate(DAMAGES.items()):
        strength = strength_of(damage, index)
        rng = rng_for(seed, "calibrate damage", index, number)
        yield name, strength, None if rgb is None else damage(rgb, strength, rng)


def strength_of(damage: Damage, index: int) -> float:
    """The strength that image `index` gets: all take their turn."""
    return float(damage.strengths[index % len(damage.strengths)])


def calibrate(out: str, calibration: Calibration, *, num_workers: int, backend: str) -> str:
    """Write OUT/rules/calibrated.yaml and OUT/calibration/fit.json; the path of the rules.

    What was scored lies in a folder of its settings: the same command goes on there, and another false_drop
    needs no new scores. Raises ValueError where the corpus's scores are not finished, or of other versions.
    """
    sample = draw_sample(ScoreTable(out), calibration)
    scorers = json.loads(part_of(out, SCORES).read(JOB_FILE))["identity"]["scorers"]
    settings = {name: value for name, value in asdict(calibration).items() if name != "false_drop"}
    identity = {"sample": sample, "scorers": scorers, "settings": settings}
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    folder = part_of(out, f"{CALIBRATION}/{digest[:8]}")
    make_job = partial(CalibrateJob, images_of(out), tuple(scorers), folder.url, calibration)
    if lines := difference(scorers, make_job().versions):
        raise ValueError(f"{out} was scored by other versions (there -> now): {'; '.join(lines)}. Score it anew")
    claim_folder(folder, {"calibration": digest})
    folder.put(SAMPLE_FILE, json.dumps(sample).encode())
    run(
        make_job,
        -(-len(sample) // IMAGES_A_SHARD),
        folder.url,
        num_workers=num_workers,
        backend=backend,
        unit="copies scored",
    )
    return write_rules(out, folder, calibration.false_drop)
