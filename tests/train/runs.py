"""Small real runs for tests: settings, and what a run's log says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.train.shards import noise, pages, photos, write
from train.curriculum import Now, Stage
from train.log import read_log
from train.settings import Execution, Model, Optimiser, Run, Terms

STAGES = (
    Stage(name="square", num_images=24, batch_size=4, resolution_px=32, mix={"general": 0.5, "synthetic": 0.5},
          lr=1e-3, lpips_weight=0.0),
    Stage(name="aspects", num_images=16, batch_size=4, resolution_px=64, aspects=("1:1", "2:1", "1:2"),
          mix={"synthetic": 1.0}, lr=5e-4, lpips_weight=0.0, blend_images=8),
)  # fmt: skip
PAGES = replace(STAGES[1], blend_images=0)  # a stage of pages alone
NOW = Now(stage_index=0, stage_images=0, lr=1e-3, lpips_weight=1.0, align_weight=0.5, cos_margin=0.0, dist_margin=0.0)
BROKEN = (5, 12, 17)  # pages; a shard holds ten


def write_run_data(folder: Path) -> list[str]:
    """Two sets of shards, the last shard of each held out; three pages are broken."""
    broken = {number: noise(5, 96)[:500] for number in BROKEN}
    return [
        write(pages(40, side_px=96, shard_rows=10, instead=broken), folder / "pages"),
        write(photos(12, shard_rows=6), folder / "photos"),
    ]


def small_run(data: list[str], out: Path, *, stages: tuple[Stage, ...] = STAGES, **changes: Any) -> Run:
    """Ten steps of four images in two stages, a model of a few thousand weights; a checkpoint every step."""
    parts: dict[str, Any] = {
        "model": Model(model="f8c12", encoder_width=4, decoder_width=4),
        "terms": Terms(),
        "optimiser": Optimiser(ema_halflife_images=16, seed=7),
        "execution": Execution(
            data=tuple(data),
            out=str(out),
            device="cpu",
            log_steps=1,
            eval_images=1000,
            num_eval=1,
            checkpoint_images=4,
            keep_checkpoints=99,
            num_workers=0,
        ),
    }
    for name, value in changes.items():
        owner = next(part for part, values in parts.items() if hasattr(values, name))
        parts[owner] = replace(parts[owner], **{name: value})
    return Run(recipe="small", stages=stages, **parts)


def losses(out: Path) -> list[tuple[int, float, float]]:
    """Images seen, loss and gradient norm of each step, every digit of them."""
    return [(line["images"], line["total"], line["gradient_norm"]) for line in read_log(out / "log.jsonl")
            if line["kind"] == "step"]  # fmt: skip


def same_files(one: Path, other: Path, *names: str) -> bool:
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def check_alike(mine: list[tuple[int, float, float]], other: list[tuple[int, float, float]]) -> None:
    """The same images, loss and gradient, in which sums of another order may turn the sign of a pixel that is met all
    but exactly; what that changes grows from step to step."""
    assert mine[0][:2] == pytest.approx(other[0][:2], rel=1e-6)
    assert mine[0][2] == pytest.approx(other[0][2], rel=1e-4)
    assert mine[1][1] == pytest.approx(other[1][1], rel=1e-4)
    assert [step[:2] for step in mine] == [pytest.approx(step[:2], rel=3e-2) for step in other]
