"""How well and how fast curation scores: `SMALLPRINT_DATA=... python tests/bench/bench_curate.py quality --seed 0 1 2`.

quality: the table of AUROC on damaged copies of real photos, ours beside published filters on the same files, then
the labelled photos of `blur`. With --folds (from fit_clarity.py) each photo is scored by a fit that has not seen it.
--filters names the published filters that run.
speed: images a CPU second of decoding and all pixel scorers, beside published filters; workers; memory. --only names
parts of it; `workers` compares wall seconds and means something on an idle machine alone.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import cv2  # noqa: E402  (one thread each, set first)

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parent)]

from peers import ONE_THREAD, Peer, environment  # noqa: E402
from quality_cases import Copy, make_copies  # noqa: E402
from quality_scores import Judge, side_by_side  # noqa: E402
from quality_table import HEAD, ORIGINAL, RULE, TESTS, Scores, beyond_rule, false_drops, line  # noqa: E402

from pipelines.shards.seeds import rng_for  # noqa: E402

CLEANVISION = Peer(
    name="cleanvision",
    pins="""
    cleanvision==0.3.7 contourpy==1.3.3 cycler==0.12.1 fonttools==4.68.0 fsspec==2026.9.0 ImageHash==4.3.2
    kiwisolver==1.5.1 matplotlib==3.11.2 numpy==2.4.6 opencv-python-headless==5.0.0.93 packaging==26.3 pandas==3.1.1
    pillow==13.0.0 pyparsing==3.3.3 python-dateutil==4.0.0 PyWavelets==1.9.0 scipy==1.17.1 six==1.17.0 tabulate==0.10.0
    tqdm==4.70.1 tzdata==2026.6""",
)

SPEED_PARTS = ("scorers", "filters", "workers", "memory")
DROPPED_BY = {
    "clarity": (False, ("gaussian 1", "gaussian 2", "motion 9", "motion 21", "upscale 2", "blur 2 noise 5")),
    "upscale": (True, ("upscale 2", "upscale 4", "upscale 2 sharpened")),
}


def run_filters(what: str, folder: Path, only: list[str] | None = None) -> dict[str, dict[str, float]]:
    """What peer_cleanvision.py answers."""
    job = json.dumps({"what": what, "folder": str(folder), "only": only})
    command = [str(environment(CLEANVISION)), str(CLEANVISION.script)]
    done = subprocess.run(command, input=job, capture_output=True, text=True, env={**os.environ, **ONE_THREAD})
    if done.returncode:
        raise RuntimeError(f"the filters failed ({' '.join(command)}):\n{done.stderr[-2000:]}")
    answer: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return answer


def quality(data: Path, seeds: list[int], folder: Path, folds: Path | None, filters: list[str] | None) -> None:
    """Copies and the filters' scores stay in `folder` and serve again."""
    judge = Judge(folds)
    print("scored by fits that have not seen the photo" if folds else "scored by the shipped weights")
    for seed in seeds:
        copies = list(make_copies(data, folder / str(seed), seed))
        print_table(seed, judge.scores(copies), filters_of(copies, folder / f"filters{seed}.json", filters))
    print_labelled(judge, data, filters)


def print_labelled(judge: Judge, data: Path, filters: list[str] | None) -> None:
    """The photos of `blur`, by rules; and those with real blur by clarity beside the filters."""
    for text in judge.labelled(data):
        print(text)
    found: dict[str, dict[str, float]] = {}
    if filters != []:
        with tempfile.TemporaryDirectory() as folder:
            side_by_side(data, Path(folder))
            found = run_filters("scores", Path(folder), filters)
    print()
    for text in judge.against_filters(data, found):
        print(text)


def filters_of(copies: list[Copy], kept: Path, only: list[str] | None) -> dict[str, Scores]:
    if only == []:
        return {}
    if not kept.exists():
        kept.write_text(json.dumps(run_filters("scores", copies[0].path.parent, only)))
    return {peer: _by_case(copies, scores) for peer, scores in json.loads(kept.read_text()).items()}


def print_table(seed: int, ours: dict[str, Scores], peers: dict[str, Scores]) -> None:
    print(f"\nseed {seed}\n\n{HEAD}")
    for number, test in enumerate(TESTS):
        print(line(test, ours[test.column], peers, rng_for(seed, "bootstrap", number)))
    print(f"\nfalse drops of originals at recall .95 on blur 2: {false_drops(ours['clarity']):.1%} (at most 5%)")
    for peer, scores in peers.items():
        print(f"  {peer}: {false_drops(scores):.1%}")
    for column, (high_is_bad, cases) in DROPPED_BY.items():
        shares = beyond_rule(ours[column], (ORIGINAL, *cases), high_is_bad)
        print(f"{column}: beyond {RULE} are", ", ".join(f"{share:.1%} of {case}" for case, share in shares.items()))


def _by_case(copies: list[Copy], scores: dict[str, float]) -> Scores:
    return {(copy.photo, copy.case): scores[copy.path.name] for copy in copies}


def speed(data: Path, parts: list[str]) -> None:
    from curate_speed import memory, save_jpegs, scoring, workers

    with tempfile.TemporaryDirectory() as name:
        count = save_jpegs(data, Path(name))
        print(f"{count} JPEG q90 of 1400 x 1000 px; images a CPU second of one thread, decoding included")
        if "scorers" in parts:
            scoring(Path(name))
        if "filters" in parts:
            for peer, rate in run_filters("speed", Path(name)).items():
                print(f"| {peer} | {rate:.1f} |")
        if "workers" in parts:
            workers(Path(name))
    if "memory" in parts:
        memory()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("quality", "speed"))
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2], help="of crops and strengths")
    parser.add_argument("--copies", type=Path, help="folder that keeps the damaged copies, 2 GB a seed, for other runs")
    parser.add_argument("--folds", type=Path, help="nets of the folds, as fit_clarity.py writes them")
    parser.add_argument(
        "--filters", nargs="*", help='only these, such as "FFT share"; none: ours alone; all by default'
    )
    parser.add_argument("--only", nargs="+", choices=SPEED_PARTS, default=SPEED_PARTS, help="parts of speed")
    flags = parser.parse_args()
    if "SMALLPRINT_DATA" not in os.environ:
        raise SystemExit("bench_curate.py: SMALLPRINT_DATA must name the folder of real photos and texts")
    cv2.setNumThreads(1)
    data = Path(os.environ["SMALLPRINT_DATA"])
    print(f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if flags.part == "speed":
        speed(data, flags.only)
        return
    with tempfile.TemporaryDirectory() as name:
        quality(data, flags.seed, flags.copies or Path(name), flags.folds, flags.filters)


if __name__ == "__main__":
    main()
