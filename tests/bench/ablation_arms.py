"""The arms of the ablation and their runs: a recipe written, then trained and measured by the commands users call."""

import json
import os
import platform
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.bench.ablation_data import call
from tests.bench.ablation_measures import of_charts, of_images

GENERAL, UNCURATED, PAGES = "curated/packed/general", "uncurated/shards=general", "pages=text"
ON_PHOTOS, BLACK_ON_WHITE = "pages-on-photos", "black-on-white"
DONE = "done.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What is trained on: folders below WORK/data, and their shares."""

    about: str
    data: tuple[str, ...]
    mix: Mapping[str, float]


WITH_TEXT = {"general": 0.5, "text": 0.2, "synthetic": 0.3}  # as the last stages of the large recipes
ARMS = {
    "1": Arm(about="general photos", data=(GENERAL,), mix={"general": 1.0}),
    "2": Arm(about="1 and real pages", data=(GENERAL, PAGES), mix={"general": 0.5, "text": 0.5}),
    "3": Arm(about="2 and synthetic, black on white", data=(GENERAL, PAGES, BLACK_ON_WHITE), mix=WITH_TEXT),
    "4": Arm(about="2 and synthetic on photos (default)", data=(GENERAL, PAGES, ON_PHOTOS), mix=WITH_TEXT),
    "5": Arm(
        about="4 without 5 to 10 px",
        data=(GENERAL, PAGES, ON_PHOTOS),
        mix={"general": 0.5, "text": 0.2, "synthetic-10-14": 0.18, "synthetic-14-20": 0.12},
    ),
    "6": Arm(about="general photos, uncurated", data=(UNCURATED,), mix={"general": 1.0}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The working point: the same for every arm."""

    model: str = "f4c8"
    width: int = 8
    """Channels of the encoder's first level; the decoder has half as many again."""
    crop_px: int = 64
    batch_size: int = 4
    steps: int = 1600
    lr: float = 3e-3

    def __post_init__(self) -> None:
        for name in ("width", "crop_px", "batch_size", "steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: give at least 1")

    @property
    def name(self) -> str:
        """The folder of its runs."""
        return f"{self.model}-w{self.width}-{self.crop_px}px-{self.batch_size}x{self.steps}-lr{self.lr:g}"

    def recipe(self, arm: Arm) -> str:
        """The recipe file of an arm. Data, seed and folders are flags of the command."""
        images = self.steps * self.batch_size
        stage = {
            "name": "crops",
            "num_images": images,
            "batch_size": self.batch_size,
            "resolution_px": self.crop_px,
            "mix": dict(arm.mix),
            "native_general": True,
            "lr": self.lr,
            "lpips_weight": 0.0,
            "align_weight": 0.0,
        }
        values = {
            "model": self.model,
            "encoder_width": self.width,
            "decoder_width": self.width * 3 // 2,
            "warmup_images": images // 20,
            "lr_end_fraction": 0.05,
            "ema_halflife_images": max(1, images // 40),
            "device": "cpu",
            "channels_last": True,
            "num_workers": 1,
            "num_eval": 8,
            "log_steps": 50,
            "eval_images": 10**9,
            "checkpoint_images": max(1, images // 4),
            "keep_checkpoints": 1,
        }
        return f"# {arm.about}\n" + yaml.safe_dump(values | {"stages": [stage]}, sort_keys=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One arm, seed and working point."""

    work: Path
    arm: str
    seed: int
    point: Point
    device: str = "cpu"

    @property
    def folder(self) -> Path:
        return self.work / "runs" / self.point.name / f"arm{self.arm}-seed{self.seed}"

    @property
    def is_done(self) -> bool:
        return (self.folder / DONE).is_file()

    def run(self) -> dict[str, Any]:
        """Train and measure, or what was found where that is done; an interrupted trial goes on where it was."""
        if self.is_done:
            return dict(json.loads((self.folder / DONE).read_bytes()))
        recipe = self._claim()
        log, model = self.folder / "log", self.folder / "train/model"
        spent = {"train": call("train/run.py", "--recipe", str(recipe), *self._flags(), log=log)}
        spent["text"] = call("train/evaluate.py", *self._evaluation(model, "text", "psnr", "ned"), log=log)
        spent["photos"] = call("train/evaluate.py", *self._evaluation(model, "photo", "psnr"), log=log)
        self._take_original()
        spent["acuity"] = call("train/acuity.py", *self._acuity(model), log=log)
        found = {"arm": self.arm, "seed": self.seed, "point": asdict(self.point)}
        found |= {"cpu_s": {name: round(value, 1) for name, value in spent.items()}}
        found |= {"date": time.strftime("%Y-%m-%d"), "machine": f"{platform.machine()}, {os.cpu_count()} cores"}
        write_whole(self.folder / DONE, json.dumps(found | {"measures": self.measures()}, indent=2) + "\n")
        return self.run()

    def _claim(self) -> Path:
        """The recipe in the trial's folder. Raises ValueError where another one was begun there."""
        recipe, text = self.folder / f"arm{self.arm}.yaml", self.point.recipe(ARMS[self.arm])
        if recipe.is_file() and recipe.read_text() != text:
            raise ValueError(
                f"{recipe} is another recipe than this arm's now: move {self.folder} away, or the code back"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(recipe, text)
        return recipe

    def _flags(self) -> list[str]:
        folder = self.work / "data"
        data = ["--data", *(str(folder / name) for name in ARMS[self.arm].data)]
        held_out = ["--held-out", f"{folder / 'held-out/photos'}=general"]
        return [*data, *held_out, "--seed", str(self.seed), *self._device(), "--out", str(self.folder / "train")]

    def _evaluation(self, model: Path, kind: str, *metrics: str) -> list[str]:
        places = ["--gt", str(self.work / f"data/held-out/{kind}-images"), "--model", str(model)]
        how = ["--metrics", *metrics, *self._device(), "--ocr-workers", "0", *self._cache()]
        return [*places, *how, "--out", str(self.folder / kind)]

    def _acuity(self, model: Path) -> list[str]:
        places = ["--charts", str(self.work / "data/held-out/charts"), "--models", f"model={model}"]
        how = ["--references", *self._device(), "--ocr-workers", "0", "--lines-per-chart", "2"]
        return [*places, *how, *self._cache(), "--out", str(self.folder / "acuity")]

    def _take_original(self) -> None:
        """What another trial measured of the charts themselves, so that it is done once; `train/acuity.py` does what
        is missing of it, and all of it where charts or reader are others."""
        known = sorted(self.work.glob("runs/*/*/acuity/measured/original.json"), key=lambda path: path.stat().st_size)
        mine = self.folder / "acuity"
        if known and not mine.is_dir():
            other = known[-1].parents[1]
            for name in ("measured/original.json", "examples/original"):
                copy = shutil.copytree if (other / name).is_dir() else shutil.copy2
                (mine / name).parent.mkdir(parents=True, exist_ok=True)
                copy(other / name, mine / name)

    def _device(self) -> list[str]:
        return ["--device", self.device]

    def _cache(self) -> list[str]:
        return ["--ocr-cache", str(self.work / "ocr")]

    def measures(self) -> dict[str, float]:
        """Every figure of the trial, by name."""
        images = of_images(self.folder / "text") | of_images(self.folder / "photo")
        return images | of_charts(self.folder / "acuity/acuity.json")


def write_whole(path: Path, text: str) -> None:
    """A file that is there whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.rename(path)
