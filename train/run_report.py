"""What a run leaves to look at: curve.png and report.html, from its log and its sample sheets."""

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from pipelines.report import Report
from pipelines.shards.folder import Folder
from train.log import EVALUATION, LOG_FILE, STEP, Line, read_log
from train.run_curves import draw_charts, draw_curves, figures_of, held_out_names
from train.run_sheets import columns
from train.settings import Run

FEW_CROPS = 5  # whose means have a decimal less
CURVE_FILE, REPORT_FILE = "curve.png", "report.html"


def write_report(out: Path, run: Run) -> None:
    """Write curve.png and report.html of the run in a folder, as far as it has come."""
    lines = read_log(out / LOG_FILE)
    steps, evals = ([line for line in lines if line["kind"] == kind] for kind in (STEP, EVALUATION))
    folder = Folder(str(out))
    folder.put(CURVE_FILE, draw_curves(steps, evals))
    folder.put(REPORT_FILE, _page(out, run, steps, evals).encode())


def _page(out: Path, run: Run, steps: Sequence[Line], evals: Sequence[Line]) -> str:
    data = ", ".join(run.execution.data)
    report = Report(f"Training: {out.name}", f"recipe {run.recipe}, model {run.model.model}, data {data}")
    _totals(report, run, steps, evals)
    report.section("Curves")
    report.charts(draw_charts(steps, evals))
    report.section("Held-out images")
    if evals:
        report.table(*_held_out(evals[-1]), f"After {evals[-1]['images']:,} images")
    report.text(
        "Below, up to two of each kind: the original, and under it its reconstructions by the averaged weights, from "
        "early to late."
    )
    report.pictures(columns(out, evals))
    report.section("Stages")
    report.table(*_stages(run))
    report.section("Steps")
    _pace(report, run, steps)
    _trouble(report, steps)
    report.section("Settings")
    if command := command_of(sys.argv, os.environ):
        report.command(command)
    report.table(["field", "value"], [(name, json.dumps(value)) for name, value in _settings(run).items()])
    return report.html()


def _totals(report: Report, run: Run, steps: Sequence[Line], evals: Sequence[Line]) -> None:
    seen = max((line["images"] for line in (*steps, *evals)), default=0)
    last = evals[-1] if evals else {}
    psnr = {name[5:]: value for name, value in last.items() if name.startswith("psnr/")}
    report.totals(
        {"images seen": seen, "of": run.curriculum().total_images, "training time": duration(seconds_of(steps))}
        | {
            f"PSNR {kind}, dB{_of_crops(last, kind)}": _rounded(value, 2 - _is_rough(last, kind))
            for kind, value in psnr.items()
        }
    )


def _of_crops(line: Line, kind: str) -> str:
    """How many crops a mean is of, where the log tells."""
    count = int(line.get(f"crops/{kind}", 0))
    return f", {count} {'crop' if count == 1 else 'crops'}" if count else ""


def _is_rough(line: Line, kind: str) -> bool:
    """Whether a mean is of so few crops that it has a decimal less."""
    return float(line.get(f"crops/{kind}", FEW_CROPS)) < FEW_CROPS


def times_of(steps: Sequence[Line]) -> list[tuple[float, float]]:
    """Seconds that the steps up to each line took, by its pace, and of these the share that waited for data;
    evaluations and checkpoints are not counted."""
    found, before = [], 0
    for line in steps:
        if line.get("images_per_s"):
            found.append(((line["images"] - before) / line["images_per_s"], line.get("data_wait") or 0.0))
        before = line["images"]
    return found


def seconds_of(steps: Sequence[Line]) -> float:
    """How long the steps took."""
    return sum(seconds for seconds, _ in times_of(steps))


def duration(seconds: float) -> str:
    """A time of two units: 12 s, 3 min 20 s, 5 h 7 min, 2 d 3 h."""
    for unit, size, part, part_size in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        whole = round(seconds / part_size)
        if whole * part_size >= size:
            return f"{whole * part_size // size:,} {unit} {whole % (size // part_size)} {part}"
    return f"{seconds:.0f} s"


def _pace(report: Report, run: Run, steps: Sequence[Line]) -> None:
    """How long it took, on what."""
    seconds = seconds_of(steps)
    if not seconds:
        return
    waited = sum(took * share for took, share in times_of(steps)) / seconds
    report.text(
        f"{duration(seconds)} of training on {device_of(run)} in {run.execution.precision}: "
        f"{steps[-1]['images'] / seconds:,.1f} images a second, {waited:.0%} of the time "
        "waiting for data. Evaluation and checkpoints come on top."
    )


def device_of(run: Run) -> str:
    """What it is trained on: a GPU's name, or how many threads of the CPU, and how many ranks."""
    named = run.execution.device
    if named.startswith("cuda") or (named == "auto" and torch.cuda.is_available()):
        name = torch.cuda.get_device_name()
    else:
        threads = run.execution.threads or torch.get_num_threads()
        name = f"{threads} CPU {'thread' if threads == 1 else 'threads'}"
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    return f"{ranks} ranks of {name}" if ranks > 1 else name


def command_of(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """What was typed, where it was train/run.py by itself or under torchrun; else "", as in a worker of Ray."""
    if Path(arguments[0]).name != "run.py":
        return ""
    ranks = environment.get("LOCAL_WORLD_SIZE")
    return shlex.join(["torchrun", "--nproc-per-node", ranks, *arguments] if ranks else ["python", *arguments])


def _held_out(line: Line) -> tuple[list[str], list[list[str]]]:
    """Each kind's number of crops, where the log has it, and its figures: header and rows of a table."""
    units = figures_of([line])
    header = ["kind", "crops", *(f"{name.upper()}, {unit}" if unit else name.upper() for name, unit in units.items())]
    kinds = [name.partition("/")[2] for name in held_out_names([line], "psnr")]
    return header, [
        [
            kind,
            _rounded(line.get(f"crops/{kind}"), 0),
            *(
                _rounded(line.get(f"{name}/{kind}"), (2 if unit else 3) - _is_rough(line, kind))
                for name, unit in units.items()
            ),
        ]
        for kind in kinds
    ]


def _rounded(value: float | None, digits: int) -> str:
    """A figure of the log, which may be missing or not finite."""
    return "" if value is None else f"{value:,.{digits}f}"


def _trouble(report: Report, steps: Sequence[Line]) -> None:
    skipped = sum(line["is_bad"] > 0 for line in steps)
    faults = max((line["faults"] for line in steps), default=0)
    report.text(
        f"Skipped for a gradient that was not finite: {skipped}. Rows of the data that could not be used, each time "
        f"one was met: {faults:.0f}; faults.json names them."
    )


def _stages(run: Run) -> tuple[list[str], list[list[Any]]]:
    header = ["stage", "images", "batch", "px", "aspects", "mix", "lr", "LPIPS", "align", "margins"]
    rows = [
        [
            stage.name,
            stage.num_images,
            stage.batch_size,
            stage.resolution_px,
            " ".join(stage.aspects),
            stage.mix_text,
            f"{stage.lr:g}",
            f"{stage.lpips_weight:g}",
            f"{stage.align_weight:g}",
            f"{stage.cos_margin:g} / {stage.dist_margin:g}",
        ]
        for stage in run.curriculum().stages
    ]
    return header, rows


def _settings(run: Run) -> Mapping[str, Any]:
    identity = run.identity()
    return {name: value for part in ("model", "terms", "optimiser") for name, value in identity[part].items()}
