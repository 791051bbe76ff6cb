"""One evaluation from a command line: reconstruct, measure, read, write results.json and the report."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipelines.exits import exit_code
from pipelines.progress import Progress
from pipelines.shards.folder import Folder
from train.evaluation.comparing import write_comparison
from train.evaluation.fid import frechet_distance
from train.evaluation.files import ORDER, RESULTS, Evaluation, claim
from train.evaluation.inputs import chosen_metrics, identify, make_pairs, open_reader, open_samples
from train.evaluation.instruments import make_instruments
from train.evaluation.measuring import Measured, Row, Samples, parts_of
from train.evaluation.ned import Reading
from train.evaluation.picture_files import Pair
from train.evaluation.reading import Line, Reader, joined
from train.evaluation.report import write_report
from train.evaluation.settings import Settings, parse_comparison, parse_settings

PROG = "evaluate.py"
SHOWN_FAULTS = 5
READ_AT_ONCE = 8


def main(args: Sequence[str]) -> int:
    """Evaluate, or `compare`; the process's exit code."""

    def command() -> None:
        if args and args[0] == "compare":
            print(write_comparison(parse_comparison(args[1:])))
        else:
            evaluate(parse_settings(args))

    return exit_code(PROG, command, faults=(ImportError, RuntimeError))


def evaluate(settings: Settings) -> Evaluation:
    """Do what is missing of an evaluation, write its files, tell its figures."""
    metrics = chosen_metrics(settings)
    pairs = make_pairs(settings)
    reader = open_reader(settings.measures) if "ned" in metrics else None
    instruments, weights = make_instruments(metrics, settings.measures, settings.running)
    out = Folder(settings.out)
    out.sweep()
    about = identify(settings, pairs)
    samples = open_samples(settings, out)  # a fault of the model shows before the folder is its
    claim(out, about, weights)
    measured = Measured(out, samples, instruments)
    rows = measure(measured, pairs)
    fid = _fid(measured, len(parts_of(pairs))) if instruments.features else None
    readings: list[Reading] = []
    if reader is not None:
        with reader:
            readings = read(reader, samples, [pair for pair, row in zip(pairs, rows, strict=True) if not row.fault])
        about["ocr"] = reader.version
    evaluation = Evaluation(
        rows=[_only(row, instruments.names) for row in rows],
        about=about | ({"weights": weights} if weights else {}),
        places={"originals": settings.originals.gt, "reconstructions": samples.made},
        readings=readings,
        fid=fid,
    )
    evaluation.write(out)
    _tell(evaluation, out, write_report(out, evaluation))
    return evaluation


def measure(measured: Measured, pairs: Sequence[Pair]) -> list[Row]:
    """The rows of all parts, made where they are missing. Raises ValueError where every image is left out."""
    parts = parts_of(pairs)
    kept = [measured.kept(i, part) for i, part in enumerate(parts)]
    done = sum(len(part) for part, found in zip(parts, kept, strict=True) if found is not None)
    rows: list[Row] = []
    with Progress(len(pairs), done) as progress:
        for i, (part, found) in enumerate(zip(parts, kept, strict=True)):
            rows += measured.make(i, part) if found is None else found
            if found is None:
                progress.advance(len(part))
    _tell_faults(rows)
    return rows


def _tell_faults(rows: Sequence[Row]) -> None:
    faults = [f"{row.file}: {row.fault}" for row in rows if row.fault]
    if not faults:
        return
    shown = "".join(f"\n  {fault}" for fault in faults[:SHOWN_FAULTS])
    more = f"\n  and {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
    if len(faults) == len(rows):
        raise ValueError(f"no image can be measured:{shown}{more}")
    print(f"{PROG}: {len(faults):,} of {len(rows):,} images are left out:{shown}{more}", file=sys.stderr)


def _fid(measured: Measured, num_parts: int) -> float | None:
    """The distance, or None where there are not two images."""
    found = list(measured.features(num_parts))
    both = np.concatenate(found, axis=1).astype(np.float64) if found else np.zeros((2, 0, 1))
    return frechet_distance(both[0], both[1]) if both.shape[1] > 1 else None


def read(reader: Reader, samples: Samples, pairs: Sequence[Pair]) -> list[Reading]:
    """The texts of pairs, some images at a time; what was read before comes from the cache."""
    readings: list[Reading] = []
    step = max(READ_AT_ONCE, 4 * reader.num_workers)
    with Progress(len(pairs), 0, "images read") as progress:
        for start in range(0, len(pairs), step):
            part = pairs[start : start + step]
            loaded = [samples.load(pair) for pair in part]
            found = reader.read_lines([s.original for s in loaded] + [s.reconstruction for s in loaded])
            both = zip(part, found[: len(part)], found[len(part) :], strict=True)
            readings += [_reading(pair.original.name, gt, rec) for pair, gt, rec in both]
            progress.advance(len(part))
    return readings


def _reading(file: str, original: Sequence[Line], reconstruction: Sequence[Line]) -> Reading:
    boxes = tuple(line.box_px for line in original)
    return Reading(file=file, gt_text=joined(original), rec_text=joined(reconstruction), gt_boxes=boxes)


def _only(row: Row, names: Sequence[str]) -> Row:
    """The row without figures that were not asked for this time."""
    figures = {name: value for name, value in row.figures.items() if name in names}
    values: dict[str, Any] = {name: getattr(row, name) for name in Row.__dataclass_fields__}
    return Row(**values | {"figures": figures})


def _tell(evaluation: Evaluation, out: Folder, report: str) -> None:
    results = evaluation.results()
    figures = "  ".join(f"{name} {results[name]}" for name in ORDER if name in results)
    print(f"{evaluation.name}: {figures}  ({results['num_samples']:,} images)")
    print(f"results  {out.url}/{RESULTS}\nreport   {report}")
