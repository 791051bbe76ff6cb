"""From the scores of damaged copies to bounds: OUT/rules/calibrated.yaml and OUT/calibration/fit.json."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.calibrate import ColumnFit, Values, beyond, calibrated_selection, fit_column, harmful
from curate.damage import DAMAGES
from curate.rulesfile import dump_rules
from pipelines.curation.score_bins import score_columns
from pipelines.curation.scoretable import ScoreTable
from pipelines.curation.selecting import load_rules
from pipelines.shards.files import read_manifest, shard_name, sum_counts
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile

RULES_FILE, FIT_FILE = "rules/calibrated.yaml", "calibration/fit.json"
NAME = "calibrated"
MAX_SHOWN = 5


def write_rules(out: str, tried_folder: Folder, false_drop: float) -> str:
    """Fit bounds to a finished calibration and write them; the path of the rules file."""
    tried = read_tried(tried_folder)
    if tried.column("damage").to_pylist().count("") < 2:
        faults = "; ".join(name for name in list(sum_counts(tried_folder))[:MAX_SHOWN])
        raise ValueError(f"no images with scores to calibrate on: {faults}. Mend that and delete {tried_folder.url}")
    table = ScoreTable(out)
    whole = as_scored(table, tried)
    fits = fit_columns(tried, whole, false_drop)
    base, names = load_rules("general")["general"], table.schema.names
    base = replace(base, rules=tuple(rule for rule in base.rules if set(rule.columns) <= set(names)))
    selection = calibrated_selection(base, fits, NAME)
    taken = {rule.column for rule in selection.rules if rule not in base.rules}
    summary = summarise(tried, whole, fits, taken, false_drop)
    Folder(out).put(FIT_FILE, json.dumps(without_nan(summary), indent=1, allow_nan=False).encode())
    careful = too_few(summary["num_images"], false_drop)
    note = (
        f"{careful}Rules of `general` with bounds from {summary['num_images']} images of this corpus: each drops at\n"
        f"most {100 * false_drop:g}% of them as they are, all together {100 * summary['false_drop']:.1f}%.\n"
        f"python pipelines/curate.py select --out OUT --rules OUT/{RULES_FILE}"
    )
    folder = Folder(out)
    folder.put(RULES_FILE, dump_rules({NAME: selection}, note).encode())
    return f"{folder.url}/{RULES_FILE}"


def too_few(num_images: int, false_drop: float) -> str:
    """A warning where the images cannot show such a share, or ""."""
    if num_images * false_drop >= 1:
        return ""
    needed = math.ceil(1 / false_drop) if false_drop else 0
    more = f"try {needed:,} or more" if needed else "none may be lost"
    return (
        f"Careful: of {num_images} images {false_drop:.1%} is none, so each bound is that of the worst image; {more}.\n"
    )


def without_nan(value: Any) -> Any:
    """A value for JSON, which knows no nan: null in its place."""
    if isinstance(value, Mapping):
        return {key: without_nan(part) for key, part in value.items()}
    if isinstance(value, list):
        return [without_nan(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def read_tried(folder: Folder) -> pa.Table:
    """The rows of a finished calibration that were scored."""
    parts = []
    for index in sorted(read_manifest(folder)):
        with folder.open(shard_name(index)) as file:
            parts.append(ParquetFile(file).read())
    table = pa.concat_tables(parts)
    return table.filter(pc.equal(table.column("fault"), ""))


def as_scored(table: ScoreTable, tried: pa.Table) -> dict[str, Values]:
    """What each score column is for the whole images of the sample, which the bounds will be held against."""
    numbers = tried.filter(pc.equal(tried.column("damage"), "")).column("number").to_pylist()
    columns = list(score_columns(tried.schema))
    rows = [row for _, row in table.take(numbers, columns)]
    return {name: np.array([row[name] for row in rows], np.float64) for name in columns}


def fit_columns(tried: pa.Table, whole: Mapping[str, Values], false_drop: float) -> dict[str, ColumnFit]:
    """A fit for each score column that was measured on the originals."""
    damages = np.array(tried.column("damage").to_pylist())
    fits = {}
    for column in score_columns(tried.schema):
        values = np.asarray(tried.column(column).cast(pa.float64()).to_numpy(), np.float64)
        good = values[damages == ""]
        if not np.isnan(good).all():
            damaged = {name: values[damages == name] for name in DAMAGES}
            fits[column] = fit_column(column, good, damaged, whole[column], false_drop)
    return fits


def summarise(
    tried: pa.Table,
    whole: Mapping[str, Values],
    fits: Mapping[str, ColumnFit],
    columns: set[str],
    false_drop: float,
) -> dict[str, Any]:
    """What fit.json holds: the fits, and what the bounds that were taken over drop together."""
    damages = np.array(tried.column("damage").to_pylist())
    dropped, lost = np.zeros(len(damages), bool), np.zeros(int((damages == "").sum()), bool)
    taken = [fit for fit in fits.values() if fit.column in columns]
    for fit in taken:
        values = np.asarray(tried.column(fit.column).cast(pa.float64()).to_numpy(), np.float64)
        dropped |= beyond(values, fit.side, fit.bound)
        lost |= beyond(whole[fit.column], fit.side, fit.bound)
    return {
        "num_images": len(lost),
        "false_drop_asked": false_drop,
        "false_drop": float(lost.mean()),
        "recall": {name: float(dropped[damages == name].mean()) for name in DAMAGES},
        "about": {name: damage.about for name, damage in DAMAGES.items()},
        "harmful": harmful(list(DAMAGES)),
        "columns": [asdict(fit) | {"taken": fit in taken} for fit in fits.values()],
    }
