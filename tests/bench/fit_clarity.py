"""Fits the networks of curate/fusion.json: `SMALLPRINT_DATA=... python tests/bench/fit_clarity.py --measures DIR`.

Draws samples of real photos and document pages, spoils them in known ways (spoiled.py), measures their tiles once
into DIR (a file a source; four minutes of one core), and fits. Folds hold whole source photos; the figures printed
are of photos that the fit has not seen, also for labels shuffled between pictures. Same seed, same weights.
"""

import argparse
import json
import os
import pickle
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import cv2  # noqa: E402  (one thread each, set first)
import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parent)]

from fit_tasks import TASKS, WHOLE, Row, Task  # noqa: E402
from fitting import NUM_UNITS, Floats, area_under_curve, fit_part  # noqa: E402
from spoiled import GROUPS, Sample, doubled, load, load_page, pages, samples, sources  # noqa: E402

from curate.calibrate import bound_of  # noqa: E402
from curate.fusion import WEIGHTS, Net  # noqa: E402
from curate.picture import Pixels  # noqa: E402
from curate.tilefeatures import measure  # noqa: E402
from pipelines.shards.seeds import rng_for  # noqa: E402

NUM_LARGE, NUM_SMALL = 56, 20  # samples of a photo or page, of a small one
DOUBLED = 7  # for so many samples one more that is enlarged by 2
LARGE_PIXELS = 1_000_000
NUM_FOLDS = 8
FALSE_DROPS = 0.05  # of photos as they are, beyond .5

Told = tuple[tuple[str, ...], Floats, Floats]  # names of features, the samples' rows of them, and labels


def measure_all(data: Path, folder: Path, seed: int, num_workers: int) -> list[Row]:
    """The samples of every source, from its file in `folder` where there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(index, name, load, path) for index, (name, path) in enumerate(sources(data))]
    jobs += [(len(jobs) + i, name, load_page, where) for i, (name, where) in enumerate(pages(data, seed))]
    with ProcessPoolExecutor(num_workers) as pool:
        return [row for rows in pool.map(_measured, [(*job, folder, seed) for job in jobs]) for row in rows]


def _measured(job: tuple[int, str, Callable[[Any], Pixels], Any, Path, int]) -> list[Row]:
    index, name, read, where, folder, seed = job
    file = folder / f"{index:03d}.pickle"
    if not file.exists():
        cv2.setNumThreads(1)
        rgb = read(where)
        count = NUM_LARGE if rgb.shape[0] * rgb.shape[1] >= LARGE_PIXELS else NUM_SMALL
        drawn = chain(
            samples(rgb, count, rng_for(seed, "fit", index)),
            doubled(rgb, count // DOUBLED, rng_for(seed, "doubled", index)),
            [Sample(rgb=rgb, group=WHOLE, way="none", strength=1)] if count == NUM_LARGE and read is load else [],
        )
        rows = [_row(name, one) for one in drawn]
        part = file.with_suffix(".part")
        part.write_bytes(pickle.dumps([row for row in rows if row is not None]))
        part.rename(file)
    return pickle.loads(file.read_bytes())  # type: ignore[no-any-return]


def _row(name: str, one: Sample) -> Row | None:
    measured = measure(cv2.cvtColor(one.rgb, cv2.COLOR_RGB2GRAY))
    if measured is None:
        return None
    return Row(source=name, group=one.group, way=one.way, strength=one.strength, measured=measured)


def fit(task: Task, names: tuple[str, ...], table: tuple[Floats, Floats, Floats], seed: int) -> Net:
    """Parts from other starts, side by side in one net whose logit is the mean of theirs."""
    rows, labels, counts = table
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-3
    scaled = ((rows - mean) / scale).astype(np.float32)
    hidden, bias, out, constants = [], [], [], []
    num_parts = len(task.views)
    for index, sees in enumerate(task.views):
        seen = np.array([sees(name) for name in names])
        part = fit_part(scaled[:, seen], labels, counts, rng_for(seed, "weights", index))
        hidden.append(np.zeros((len(names), NUM_UNITS)))
        hidden[-1][seen] = part[0]
        bias.append(part[1])
        out.append(part[2] / num_parts)
        constants.append(part[3][0] / num_parts)
    return Net(
        names=names,
        mean=mean,
        scale=scale,
        hidden=np.concatenate(hidden, axis=1),
        bias=np.concatenate(bias),
        out=np.concatenate(out),
        constant=float(sum(constants)),
    )


def folds(names: list[str]) -> NDArray[np.int64]:
    """The fold of each name; the same name, the same fold, whatever else is there."""
    order = {name: rng_for(0, f"fold {name}", 0).integers(NUM_FOLDS) for name in set(names)}
    return np.array([order[name] for name in names])


def fit_folds(task: Task, rows: list[Row], told: Told, seed: int) -> tuple[dict[int, Net], float]:
    """A net for each fold that has seen none of it, and the logit that is to be .5; prints how they do, by way of
    spoiling."""
    names, table, labels = told
    known, counts = ~np.isnan(labels), _counts(task, rows)
    fold = folds([row.source for row in rows])
    nets = {}
    for k in range(NUM_FOLDS):
        seen = known & (fold != k)
        nets[k] = fit(task, names, (table[seen], labels[seen], counts[seen]), seed)
    logits = np.array([nets[k].logits(row[None])[0] for k, row in zip(fold, table, strict=True)])
    of_one, of_zero = logits[labels == 1], logits[labels == 0]
    print(f"  unseen photos: AUROC {area_under_curve(of_one, of_zero):.4f}")
    for way in sorted({row.way for row in rows}):
        here = np.array([row.way == way for row in rows]) & known
        if here.any():
            others = of_zero if labels[here][0] == 1 else of_one
            score = area_under_curve(logits[here], others)
            print(f"    {way}: {max(score, 1 - score) if way else score:.4f} ({here.sum()})")
    middle = _middle(task, rows, logits)
    return {k: _moved(net, middle) for k, net in nets.items()}, middle


def _middle(task: Task, rows: list[Row], logits: Floats) -> float:
    """The logit beyond which at most `FALSE_DROPS` of the large photos, unseen and whole, are; 0 for a task that does
    not drop."""
    if not task.drops:
        return 0.0
    as_is = [row.group == WHOLE for row in rows]
    return bound_of(logits[as_is], task.drops, FALSE_DROPS)


def _moved(net: Net, middle: float) -> Net:
    return replace(net, constant=net.constant - middle)


def shuffled(task: Task, rows: list[Row], told: Told, seed: int) -> float:
    """AUROC on unseen photos of the same fit, on labels shuffled between the samples."""
    names, table, labels = told
    known = np.nonzero(~np.isnan(labels))[0]
    mixed = rng_for(seed, "shuffle", 0).permutation(labels[known])
    fold = folds([rows[i].source for i in known])
    logits, counts = np.empty(len(known)), _counts(task, rows)[known]
    for k in range(NUM_FOLDS):
        net = fit(task, names, (table[known[fold != k]], mixed[fold != k], counts[fold != k]), seed)
        logits[fold == k] = net.logits(table[known[fold == k]])
    return area_under_curve(logits[mixed == 1], logits[mixed == 0])


def tables(rows: list[Row]) -> dict[str, Told]:
    """By task; tasks that look at the same features share a table."""
    made: dict[object, tuple[tuple[str, ...], Floats]] = {}
    for task in TASKS.values():
        if task.features not in made:
            found = [task.features(row.measured) for row in rows]
            names = tuple(found[0])
            made[task.features] = names, np.array([[row[name] for name in names] for row in found])
    return {name: (*made[task.features], _labels(task, rows)) for name, task in TASKS.items()}


def _labels(task: Task, rows: list[Row]) -> Floats:
    labels = [task.label(row) for row in rows]
    return np.array([np.nan if label is None else label for label in labels])


def _counts(task: Task, rows: list[Row]) -> Floats:
    """How much each sample counts, so that each way of spoiling counts as often as it was to be drawn, or as much as
    the task says."""
    drawn = Counter((row.group, row.way) for row in rows)
    shares = {group: sum(ways.values()) for group, ways in GROUPS.items()}
    weight = {key: GROUPS[key[0]][key[1]] / shares[key[0]] / num for key, num in drawn.items() if key[0] in GROUPS}
    return np.array([weight.get((row.group, row.way), 0) * task.weights.get(row.way, 1) for row in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measures", type=Path, required=True, help="folder of the measured samples; made if absent")
    parser.add_argument("--workers", type=int, default=2, help="processes that measure")
    parser.add_argument("--seed", type=int, default=7, help="of the samples, the starts and the shuffle")
    parser.add_argument("--folds", type=Path, help="where to write the nets of the folds, for bench_curate.py")
    flags = parser.parse_args()
    cv2.setNumThreads(1)
    rows = measure_all(Path(os.environ["SMALLPRINT_DATA"]), flags.measures, flags.seed, flags.workers)
    shipped, by_fold = {}, {}
    for (name, task), told in zip(TASKS.items(), tables(rows).values(), strict=True):
        print(f"{name}: {len(rows)} samples")
        by_fold[name], middle = fit_folds(task, rows, told, flags.seed)
        print(f"  labels shuffled: AUROC {shuffled(task, rows, told, flags.seed):.3f}")
        names, table, labels = told
        known = ~np.isnan(labels)
        net = fit(task, names, (table[known], labels[known], _counts(task, rows)[known]), flags.seed)
        shipped[name] = _moved(net, middle)
    write(WEIGHTS, {name: net.as_json() for name, net in shipped.items()})
    if flags.folds:
        write(flags.folds, {name: [net.as_json() for net in nets.values()] for name, nets in by_fold.items()})


def write(path: Path, nets: object) -> None:
    path.write_text(json.dumps({"nets": nets}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
