"""The job that makes acuity charts: chart i of its settings, the same whoever makes it, shard by shard."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from fonts.catalog import load_catalog
from pipelines.acuity_charts.scenes import Maker, all_faces
from pipelines.acuity_charts.settings import SIDE_PX, ChartCell, ChartSettings
from pipelines.acuity_charts.targets import TARGET, Chart, Target, sheets
from pipelines.photos import PhotoIndex
from pipelines.rendering import SCENE_TRIES, check_faces, hash8, record_of
from pipelines.shards.codec import encode
from pipelines.shards.record import IMAGE, record_schema, with_features
from pipelines.shards.seeds import rng_for
from pipelines.views import Views
from render.draw import ClippedError, Rendering, draw_text
from render.sample import Cell, View
from render.scene import Scene
from render.text import open_writer

COLUMNS: tuple[tuple[str, pa.DataType], ...] = (
    ("size_px", pa.int16()),
    ("ground", pa.string()),
    ("contrast", pa.string()),
    ("ink", pa.string()),
    ("targets", pa.list_(TARGET)),
    ("under", IMAGE),
    ("coverages", IMAGE),
)
_PICTURE = Cell(language="", band="", layout="", ground="", width_px=SIDE_PX, height_px=SIDE_PX)
_LEAST_TARGETS = 8


def chart_schema() -> pa.Schema:
    """Rows of records, and what a choice among look-alikes needs besides."""
    return with_features(pa.schema([*record_schema(), *(pa.field(*column) for column in COLUMNS)]))


class ChartJob:
    """Makes charts by index. Built once a worker; knows the photos only through their index."""

    def __init__(self, settings: ChartSettings, identity: dict[str, Any]) -> None:
        self._settings = settings
        self._cells = settings.charts.cells()
        self.faces = load_catalog(settings.inputs.fonts)
        check_faces(self.faces, identity)
        charts = settings.charts
        self._maker = Maker(
            catalog=self.faces,
            faces=all_faces(self.faces, charts.languages, charts.faces_per_language),
            writer=open_writer(settings.inputs.corpus),
            contrast_floor=charts.contrast_floor,
        )
        index = PhotoIndex.load(settings.photo_index, settings.inputs.split) if settings.photo_index else None
        size = _PICTURE.width_px, _PICTURE.height_px
        self._views = Views(index, settings.inputs.seed, [size]) if index else None
        self._prefix = f"acuity-{hash8(identity)}"
        self.schema = chart_schema()

    def num_rows(self, shard: int) -> int:
        size = self._settings.inputs.charts_per_shard
        return min(size, self._settings.num_charts - shard * size)

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        first = shard * self._settings.inputs.charts_per_shard
        for index in range(first, first + self.num_rows(shard)):
            yield self.row(index, counts)

    def row(self, index: int, counts: Counter[str]) -> dict[str, Any]:
        """The chart of one index: the cells in turn, and then over again."""
        cell = self._cells[index % len(self._cells)]
        photo, view = None, None
        if cell.ground == "photo":
            assert self._views is not None, "a photo is asked for only where photos were indexed"
            photo, view = self._views.at(index, _PICTURE, counts)
        scene, rendering, targets = self._drawn(index, cell, view, counts)
        under, coverages = sheets(targets)
        _tally(cell, rendering, targets, counts)
        record = record_of(f"{self._prefix}/{index}", encode(rendering.image), scene, rendering.lines, photo)
        return record.row() | {
            "size_px": cell.size_px,
            "ground": cell.ground,
            "contrast": cell.contrast,
            "ink": scene.paints[0].inks[0],
            "targets": [target.row() for target in targets],
            "under": encode(under),
            "coverages": encode(coverages),
        }

    def _drawn(
        self, index: int, cell: ChartCell, view: View | None, counts: Counter[str]
    ) -> tuple[Scene, Rendering, list[Target]]:
        for attempt in range(SCENE_TRIES):
            rng = rng_for(self._settings.inputs.seed, "chart", index, attempt)
            scene, ground = self._maker.scene(cell, view, rng, counts)
            try:
                rendering = draw_text(scene, ground.copy(), self.faces)
            except ClippedError:
                counts["reject/chart/text outside the picture"] += 1
                continue
            chart = Chart(scene, ground, rendering.image, self.faces)
            targets = chart.targets(self._settings.charts.targets_per_chart, rng, counts)
            if len(targets) >= _LEAST_TARGETS:
                return scene, rendering, targets
            counts["reject/chart/too few targets"] += 1
        raise ValueError(
            f"chart {index}: {cell.language} of {cell.size_px} px cannot be set in {SCENE_TRIES} tries: give other "
            "--fonts or --corpus"
        )


def _tally(cell: ChartCell, rendering: Rendering, targets: list[Target], counts: Counter[str]) -> None:
    counts["charts"] += 1
    counts["lines"] += len(rendering.lines.text)
    counts["targets"] += len(targets)
    counts[f"targets of {cell.language}/{cell.size_px} px"] += len(targets)
