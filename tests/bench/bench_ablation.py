"""Does this data make an autoencoder keep text? The same small model, steps and seeds; only the data differs.

SMALLPRINT_DATA=DIR python tests/bench/bench_ablation.py --work WORK --arms 4 1 3 --seeds 0 1 2

Makes the data (once), trains and measures what is missing of the runs, and prints the tables as Markdown. A run is a
folder; those that are finished are skipped, and an interrupted one goes on. `--table`: only print. docs/evidence.md
says what was expected and what came out.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from tests.bench.ablation_arms import ARMS, Point, Trial  # noqa: E402  (the checkout goes first, one thread)
from tests.bench.ablation_data import make_data  # noqa: E402
from tests.bench.ablation_picture import draw  # noqa: E402
from tests.bench.ablation_table import tables  # noqa: E402

GATE = "English, em in px: NED {}; wanted of arm 4: 18 to 20 above 0.7, 8 below 0.5"


def parse(args: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder of the data and the runs")
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--parallel", type=int, default=1, help="runs at a time, one thread each")
    parser.add_argument("--num-pages", type=int, default=800, help="synthetic pages of the data")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda for a larger working point")
    parser.add_argument("--table", action="store_true", help="print what there is and run nothing")
    parser.add_argument("--picture", type=Path, help="PNG to write: small text as the arms of the first seed show it")
    for field in fields(Point):
        flag, kind = f"--{field.name.replace('_', '-')}", type(field.default)
        parser.add_argument(flag, type=kind, default=field.default, help=f"of the working point ({field.default})")
    return parser.parse_args(args)


def trials(flags: argparse.Namespace) -> list[Trial]:
    """The runs that are asked for, seed by seed: pairs are whole early."""
    point = Point(**{name: getattr(flags, name) for name in (field.name for field in fields(Point))})
    common = {"work": flags.work.resolve(), "point": point, "device": flags.device}
    return [Trial(arm=arm, seed=seed, **common) for seed in flags.seeds for arm in flags.arms]


def run(trial: Trial) -> None:
    """One run, told when it is over; a fault is told and does not end the others."""
    if trial.is_done:
        return
    try:
        done = trial.run()
    except (RuntimeError, ValueError) as error:
        return print(f"arm {trial.arm} seed {trial.seed} failed: {error}", flush=True)
    print(
        f"{time.strftime('%H:%M')} arm {trial.arm} seed {trial.seed}: {done['cpu_s']} CPU s; {gate(done)}", flush=True
    )


def gate(done: dict[str, Any]) -> str:
    """What shows whether the working point is one."""
    found = done["measures"]
    shown = [
        f"{px} on {ground} {found[f'ned/en/{ground}/{px}']:.2f}"
        for px in ("18-20", "8")
        for ground in ("paper", "photo")
    ]
    return GATE.format(", ".join(shown))


def finished(flags: argparse.Namespace) -> list[dict[str, Any]]:
    """What all finished runs of this working point found, whatever arms and seeds were asked for."""
    folder = trials(flags)[0].folder.parent
    return [json.loads(path.read_bytes()) for path in sorted(folder.glob("*/done.json"))]


def main() -> int:
    flags = parse(sys.argv[1:])
    if not flags.table:
        if not (real := os.environ.get("SMALLPRINT_DATA", "")):
            raise SystemExit("SMALLPRINT_DATA is not set: name the folder of real photos, documents and corpora")
        print(f"data: {json.dumps(make_data(Path(real).resolve(), flags.work.resolve(), flags.num_pages))}", flush=True)
        with ThreadPoolExecutor(flags.parallel) as pool:
            list(pool.map(run, trials(flags)))
    if flags.picture:
        draw(trials(flags)[0].folder.parent, flags.arms, flags.seeds[0]).save(flags.picture)
    done = finished(flags)
    found = {(one["arm"], one["seed"]): one["measures"] for one in done}
    print(f"\nworking point {trials(flags)[0].point.name}, finished runs: {len(done)}\n\n{tables(found)}")
    return 0 if flags.table or all(trial.is_done for trial in trials(flags)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
