"""What a soak runs: a small corpus of real photos, the commands of the pipeline over it, and what each leaves."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
NUM_PHOTOS, NUM_PAGES = 9, 2
NUM_RENDERED = 40
RULES = """
general:
  kind: general
  rules:
    - {column: "min(width_px, height_px)", at_least: 96}
"""
RECIPE = """
model: f8c12
encoder_width: 4
decoder_width: 4
ema_halflife_images: 32
log_steps: 1
eval_images: 64
num_eval: 1
checkpoint_images: 8
keep_checkpoints: 3
num_workers: 1
seed: 3
stages:
  - {name: square, num_images: 80, batch_size: 4, resolution_px: 64, mix: {general: 0.5, synthetic: 0.5},
     lr: 1.0e-3, lpips_weight: 0.0}
  - {name: aspects, num_images: 48, batch_size: 4, resolution_px: 64, aspects: ["1:1", "2:1", "1:2"],
     mix: {general: 0.25, synthetic: 0.75}, lr: 5.0e-4, lpips_weight: 0.0, blend_images: 20}
"""
TIMES = ("report.html", "timings.jsonl", "curve.png", "log.jsonl", "tensorboard/")  # what holds seconds or dates
SET_ASIDE = "checkpoints/damaged-"  # a checkpoint that was spoiled, kept for whoever wants to know


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A command of the pipeline; `folders` are what it fills, by name under the folder of a round."""

    name: str
    script: str
    args: tuple[str, ...]
    folders: tuple[str, ...]

    @property
    def has_workers(self) -> bool:
        """Whether processes of its own make shards."""
        return "--workers" in self.args

    def start(self, work: Path) -> "Command":
        """Run it as a user would, from another folder, in a process group of its own."""
        said = (work.parent / "said.txt").open("w+", encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "RAY_USAGE_STATS_ENABLED": "0"}
        process = subprocess.Popen(
            [sys.executable, str(ROOT / self.script), *self.args],
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return Command(process=process, said=said)

    def digests(self, work: Path) -> dict[str, str]:
        """The sha256 of every file that the stage leaves, temporary ones too; of a training run, also its losses."""
        found = {}
        for folder in self.folders:
            for path in sorted((work / folder).rglob("*")):
                name = str(path.relative_to(work))
                if path.is_file() and not any(f"{folder}/{part}" in name for part in (*TIMES, SET_ASIDE)):
                    found[name] = sha256(path.read_bytes()).hexdigest()
        if self.name == "train":
            found["losses"] = json.dumps(losses(work / "run"))
        return found

    def num_bytes(self, work: Path) -> int:
        """The bytes of all files that the stage leaves."""
        files = (path for folder in self.folders for path in (work / folder).rglob("*") if path.is_file())
        return sum(path.stat().st_size for path in files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A stage that runs."""

    process: subprocess.Popen[bytes]
    said: Any

    def workers(self) -> list[int]:
        """The processes that make shards for it."""
        try:
            children = psutil.Process(self.process.pid).children()
            return [child.pid for child in children if "spawn_main" in " ".join(child.cmdline())]
        except psutil.Error:
            return []

    def group(self) -> list[int]:
        """Every process of its group that runs."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError):
                if os.getpgid(process.pid) == self.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process.pid)
        return found

    def kill_all(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def wait(self, seconds: float) -> int | None:
        """Its exit code, None where it does not end in time (it is killed)."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill_all()
            self.process.wait()
            return None

    def told(self) -> str:
        """What it printed."""
        self.said.seek(0)
        return str(self.said.read())


def stages(corpus: Path, work: Path) -> list[Stage]:
    """The pipeline over a corpus, each stage on what those before it made."""
    one_worker = ("--backend", "processes", "--workers", "1")
    rules, recipe = corpus.parent / "rules.yaml", corpus.parent / "train.yaml"
    rules.write_text(RULES)
    recipe.write_text(RECIPE)
    pages, packed = work / "rendered", work / "curated/packed/general"
    render = (
        f"--photos {corpus} --image-size 128 --num-images {NUM_RENDERED} --images-per-shard 5 --seed 5 --out {pages}"
    )
    curate = (
        f"run --source {corpus} --ocr none --scorers sanity fingerprint sharpness --rules {rules} "
        f"--calibrate-images 2 --max-crop-px 20000 --images-per-shard 4 --out {work}/curated"
    )
    mix = (
        f"--inputs {pages} {packed} --ratios general=0.3,synthetic=0.7 --images-per-shard 5 --test-share 0.15 --seed 2"
    )
    return [
        Stage(name="render", script="pipelines/render.py", args=(*render.split(), *one_worker), folders=("rendered",)),
        Stage(name="curate", script="pipelines/curate.py", args=(*curate.split(), *one_worker), folders=("curated",)),
        Stage(
            name="mix",
            script="pipelines/mix.py",
            args=(*mix.split(), "--out", str(work / "mixed"), *one_worker),
            folders=("mixed", "mixed.plan"),
        ),
        Stage(
            name="train",
            script="train/run.py",
            args=("--recipe", str(recipe), "--data", str(pages), f"{packed}=general", "--out", str(work / "run")),
            folders=("run",),
        ),
    ]


def make_corpus(data: Path, corpus: Path) -> None:
    """The smallest photos of the real data, a few pages, and files that are no picture."""
    photos = sorted((data / "natural").glob("*/*.[jp][pn]g"), key=lambda path: (path.stat().st_size, path.name))
    pages = sorted((data / "omnidocbench-demo/images").glob("*.jpg"), key=lambda path: (path.stat().st_size, path.name))
    corpus.mkdir(parents=True)
    for path in [*photos[:NUM_PHOTOS], *pages[:NUM_PAGES]]:
        (corpus / path.name).write_bytes(path.read_bytes())
    (corpus / "cut.jpg").write_bytes(photos[0].read_bytes()[:5000])
    (corpus / "nothing.png").write_bytes(b"")


def losses(run: Path) -> list[list[float]]:
    """Images seen, loss and gradient norm of each step, every digit of them."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [[line[name] for name in ("images", "total", "gradient_norm")] for line in lines if line["kind"] == "step"]


def ids_of(folders: Sequence[Path]) -> list[str]:
    """The ids of all rows, shard by shard."""
    files = [path for folder in folders for path in sorted(folder.rglob("*.parquet"))]
    return [name for path in files for name in pq.read_table(path, columns=["id"])["id"].to_pylist()]


def census(work: Path) -> dict[str, list[str]]:
    """The ids of what was rendered, scored, packed and mixed."""
    places = {"rendered": "rendered/data", "scores": "curated/scores/data", "packed": "curated/packed/general/data"}
    found = {name: ids_of([work / place]) for name, place in places.items()}
    return found | {"mixed": ids_of([work / "mixed/train", work / "mixed/test"])}
