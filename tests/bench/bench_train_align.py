"""Whether alignment with a teacher shows in the latents: small runs that differ in the alignment's weight alone.

WORK: photos/ and pages/ by side, teachers/, runs/ARM-SEED, probe-ARM. What is there is not made again, and an
interrupted run goes on. Pages that are probed lie on photographs, and hold texts, that neither teacher nor model saw.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.bench.ablation_arms import write_whole
from tests.bench.ablation_data import INLINE, call
from tests.bench.ablation_sources import copy_photos, digest
from tests.bench.bench_train_teacher import BLOCK, CROP_PX, make_random, make_taught

NONE, RANDOM, TAUGHT = "none", "random", "taught"
PROBED_PX = 128  # the middle of a page
SPENT = "spent.json"
PAGES = {"train": (1600, 21), "probed": (1000, 22)}  # by side: how many, and the seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """All runs of a comparison."""

    work: Path
    train: Path
    """Shards that the teacher learns on and the models are trained on."""
    probed: Path
    """Shards that are probed, of other photographs."""
    seeds: tuple[int, ...]
    weight: float = 0.5
    """Of the alignment, in the runs that have it."""
    num_steps: int = 400
    batch_size: int = 4
    teacher_steps: int = 1000

    @property
    def log(self) -> Path:
        return self.work / "log"

    def recipe(self) -> Path:
        """The recipe of every run; aligned ones get --align-weight and --teacher."""
        images = self.num_steps * self.batch_size
        stage = {"name": "crops", "num_images": images, "batch_size": self.batch_size, "resolution_px": CROP_PX}
        stage |= {"mix": {"synthetic": 1.0}, "lr": 2e-3, "lpips_weight": 0.0, "align_weight": 0.0}
        values = {"model": "f8c32", "encoder_width": 8, "decoder_width": 6, "teacher_block": BLOCK}
        values |= {"warmup_images": images // 20, "lr_end_fraction": 0.1, "ema_halflife_images": images // 20}
        values |= {"device": "cpu", "num_workers": 1, "num_eval": 8, "eval_images": images}
        values |= {"checkpoint_images": images // 2, "keep_checkpoints": 1}
        write_whole(self.work / "recipe.yaml", yaml.safe_dump(values | {"stages": [stage]}, sort_keys=False))
        return self.work / "recipe.yaml"

    def folder(self, arm: str, seed: int) -> Path:
        """Of one run."""
        return self.work / "runs" / (f"{NONE}-{seed}" if arm == NONE else f"{arm}-{self.weight:g}-{seed}")

    def run(self, arm: str, seed: int) -> Path:
        """Train one, unless it is there; the folder of its model."""
        folder = self.folder(arm, seed)
        if not (folder / SPENT).is_file():
            teacher = ["--align-weight", f"{self.weight:g}", "--teacher", str(self.work / "teachers" / arm)]
            how = [] if arm == NONE else teacher
            places = ["--data", str(self.train), "--held-out", str(self.probed), "--out", str(folder)]
            given = ["--recipe", str(self.recipe()), *places, "--seed", str(seed), *how]
            write_whole(folder / SPENT, json.dumps(round(call("train/run.py", *given, log=self.log), 1)))
        return folder / "model"

    def probe(self, arm: str) -> dict[str, Any]:
        """Aligned runs against those that are not, pairs of one seed, by `probe.py latents`."""
        groups = {name: [str(self.run(name, seed)) for seed in self.seeds] for name in (arm, NONE)}
        out = self.work / f"probe-{arm}-{self.weight:g}"
        images = ["--data", str(self.probed), "--size-px", str(PROBED_PX), "--device", "cpu", "--out", str(out)]
        call("train/probe.py", "latents", "--model", *groups[arm], "--against", *groups[NONE], *images, log=self.log)
        found: dict[str, Any] = json.loads((out / "results.json").read_bytes())
        return found

    def psnr(self, arm: str) -> list[float]:
        """Of each run's held-out pages at its end, mean over the bands, dB."""
        ends = []
        for seed in self.seeds:
            lines = (self.folder(arm, seed) / "log.jsonl").read_text().splitlines()
            last = [one for one in map(json.loads, lines) if one["kind"] == "eval"][-1]
            values = [value for name, value in last.items() if name.startswith("psnr/")]
            ends.append(sum(values) / len(values))
        return ends

    def cpu_seconds(self, arm: str) -> float:
        """Of all runs of an arm."""
        return sum(json.loads((self.folder(arm, seed) / SPENT).read_bytes()) for seed in self.seeds)


def align(work: Path, real: str, data: Sequence[Path], seeds: Sequence[int], weight: float) -> None:
    """Make what is missing of pages, teachers and runs, probe, and print Markdown."""
    work.mkdir(parents=True, exist_ok=True)
    train, probed = data or make_pages(work, real)
    trial = Trial(work=work, train=train, probed=probed, seeds=tuple(seeds), weight=weight)
    taught = once(work / "teachers" / TAUGHT, lambda folder: make_taught(folder, train, probed, trial.teacher_steps))
    once(work / "teachers" / RANDOM, make_random)
    print(f"align: f8c32 at widths 8 / 6, {trial.num_steps} steps of {trial.batch_size} crops of {CROP_PX} px, "
          f"weight {weight:g}, seeds {', '.join(map(str, seeds))}")  # fmt: skip
    print(f"the taught teacher: {taught}", flush=True)
    for teacher in (TAUGHT, RANDOM):
        for arm, seed in [(arm, seed) for seed in seeds for arm in (NONE, teacher)]:  # pairs are whole early
            trial.run(arm, seed)
            print(f"  {time.strftime('%H:%M')} {arm} {seed} is there", flush=True)
        print(table(teacher, trial.probe(teacher)))
        for arm in (NONE, teacher):
            shown = ", ".join(f"{value:.2f}" for value in trial.psnr(arm))
            print(f"{arm}: held-out PSNR by seed {shown} dB; {trial.cpu_seconds(arm):.0f} CPU s", flush=True)


def once(folder: Path, make: Callable[[Path], Path]) -> dict[str, Any]:
    """What a teacher's folder says of it, made where it is not there."""
    if not (folder / "about.json").is_file():
        start = time.process_time()
        make(folder)
        said = json.loads((folder / "about.json").read_bytes()) | {"cpu_s": round(time.process_time() - start)}
        (folder / "about.json").write_text(json.dumps(said, indent=1) + "\n")
    said = json.loads((folder / "about.json").read_bytes())
    return dict(said)


def make_pages(work: Path, real: str) -> tuple[Path, Path]:
    """Pages of 256 px with generated text, those that are probed on the other half of the photographs."""
    if not real:
        raise SystemExit("name the folder of real photos with SMALLPRINT_DATA, or two of shards with --data")
    photos = [path for path in sorted(Path(real, "natural").rglob("*")) if path.suffix.lower() in (".png", ".jpg")]
    made = []
    for number, (side, (count, seed)) in enumerate(PAGES.items()):
        folder, files = work / "pages" / side, work / "photos" / side
        if not (folder / "summary.json").is_file():
            copy_photos([path for path in photos if int(digest(path)[:8], 16) % 2 == number], files)
            given = ["--photos", str(files), "--image-size", "256", "--grounds", "photo=1", "--seed", str(seed)]
            count_flags = ["--num-images", str(count), "--images-per-shard", "200"]
            call("pipelines/render.py", *given, *count_flags, *INLINE, "--out", str(folder), log=work / "log")
        made.append(folder)
    return made[0], made[1]


def table(teacher: str, results: dict[str, Any]) -> str:
    """Accuracies by label, and the difference of pairs of one seed with its interval."""
    lines = ["| teacher | label | classes | chance | aligned | not aligned | difference, 95% |", "|" + " --- |" * 7]
    for one in results["latents"]:
        means = [f"{one[group]['mean']:.3f}" for group in ("model", "against")]
        difference = "{mean:+.3f} ({low:+.3f} to {high:+.3f})".format(**one["difference"])
        cells = [teacher, one["label"], str(len(one["classes"])), f"{one['chance']:.3f}", *means, difference]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
