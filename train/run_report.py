"""What a run leaves to look at: curve.png and report.html, from its log and its sample sheets."""

import json
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from pipelines.pictures import Picture
from pipelines.report import Report
from pipelines.shards.folder import Folder
from train.log import EVALUATION, LOG_FILE, STEP, Line, read_log
from train.settings import Run

TERMS = ("total", "l1", "lpips", "align_cos", "align_dist")
SMOOTHED = 50  # a curve is drawn through so many means of neighbouring lines
HELD_OUT = {"psnr": "dB", "ssim": "", "lpips": ""}  # unit by figure; LPIPS where it is trained on
TICKS = (1.0, 1.5, 2.0, 3.0, 5.0)  # of each power of ten on the axis of losses
SHEETS = 4  # shown, evenly apart, the last among them
CURVE_FILE, REPORT_FILE = "curve.png", "report.html"


def write_report(out: Path, run: Run) -> None:
    """Write curve.png and report.html of the run in a folder, as far as it has come."""
    lines = read_log(out / LOG_FILE)
    steps, evals = ([line for line in lines if line["kind"] == kind] for kind in (STEP, EVALUATION))
    folder = Folder(str(out))
    curve = draw_curves(steps, evals)
    folder.put(CURVE_FILE, curve)
    folder.put(REPORT_FILE, _page(out, run, steps, evals, curve).encode())


def draw_curves(steps: Sequence[Line], evals: Sequence[Line]) -> bytes:
    """A PNG: losses on a logarithmic scale, and held-out figures, over the images seen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), dpi=100, layout="constrained")
    shown = _figures(evals)
    axes = figure.subplots(1, 1 + len(shown))
    _draw_losses(axes[0], steps)
    for axis, (name, unit) in zip(axes[1:], shown.items(), strict=True):
        _draw_held_out(axis, evals, name, unit)
    for axis in axes:
        axis.grid(alpha=0.3)
        if axis.lines:
            axis.legend(fontsize=8)
    png = BytesIO()
    FigureCanvasAgg(figure).print_png(png)
    return png.getvalue()


def _draw_losses(axis: Any, steps: Sequence[Line]) -> None:
    """The terms of the loss; L1 alone where it is the total."""
    from matplotlib.ticker import LogLocator, NullFormatter

    terms = TERMS if any(set(TERMS[2:]) & line.keys() for line in steps) else ("l1",)
    for name in terms:
        points = smoothed([(line["images"], line[name]) for line in steps if line.get(name) is not None])
        if points:
            axis.plot(*zip(*points, strict=True), label=name)
    alone = "mean absolute difference, pixels from -1 to 1"
    meaning = alone if terms == ("l1",) else "terms as they are, total weighted"
    axis.set(title="Loss", xlabel="images seen", ylabel=meaning, yscale="log" if steps else "linear")
    if steps:
        axis.yaxis.set_major_locator(LogLocator(subs=TICKS))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter(NullFormatter())


def _draw_held_out(axis: Any, evals: Sequence[Line], figure_name: str, unit: str) -> None:
    """One figure of the held-out images, a curve for each kind of them."""
    for name in _held_out_names(evals, figure_name):
        points = [(line["images"], line[name]) for line in evals if name in line]
        axis.plot(*zip(*points, strict=True), marker="o", markersize=3, label=name.partition("/")[2])
    axis.set(title=f"Held-out {figure_name.upper()}, averaged weights", xlabel="images seen", ylabel=unit)


def _figures(evals: Sequence[Line]) -> dict[str, str]:
    """The held-out figures that there are, with their units."""
    return {name: unit for name, unit in HELD_OUT.items() if name != "lpips" or any(_held_out_names(evals, name))}


def _held_out_names(evals: Sequence[Line], figure: str) -> Iterable[str]:
    """The names of a held-out figure, one a component."""
    return dict.fromkeys(key for line in evals for key in line if key.startswith(f"{figure}/"))


def smoothed(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Up to SMOOTHED points, each the mean of its share of neighbours."""
    size = -(-len(points) // SMOOTHED) or 1
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [(sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups]


def _page(out: Path, run: Run, steps: Sequence[Line], evals: Sequence[Line], curve: bytes) -> str:
    seen = max((line["images"] for line in (*steps, *evals)), default=0)
    total = run.curriculum().total_images
    report = Report(f"Training: {out.name}", f"recipe {run.recipe}, model {run.model.model}, data {_names(run)}")
    last = evals[-1] if evals else {}
    report.totals(
        {"images seen": seen, "of": total}
        | {f"PSNR {name[5:]}, dB": _rounded(value, 2) for name, value in last.items() if name.startswith("psnr/")}
    )
    report.section("Curves")
    report.pictures([[Picture.of_png(curve, fits=True)]])
    report.section("Held-out images")
    if last:
        report.table(*_held_out(last), f"After {last['images']:,} images")
    report.text(
        "Originals above, reconstructions by the averaged weights below; twice their size. Up to two of each kind, "
        "from left to right in the order of the table."
    )
    for path in _some(sorted((out / "samples").glob("*.png"))):
        report.heading(f"{int(path.stem):,} images seen")
        report.pictures([[Picture.of_png(path.read_bytes(), fits=True)]])
    report.section("Stages")
    report.table(*_stages(run))
    report.section("Steps")
    _trouble(report, steps)
    report.section("Settings")
    report.table(["field", "value"], [(name, json.dumps(value)) for name, value in _settings(run).items()])
    return report.html()


def _held_out(line: Line) -> tuple[list[str], list[list[str]]]:
    """Each kind's number of crops, where the log has it, and its figures: header and rows of a table."""
    units = _figures([line])
    header = ["kind", "crops", *(f"{name.upper()}, {unit}" if unit else name.upper() for name, unit in units.items())]
    kinds = [name.partition("/")[2] for name in _held_out_names([line], "psnr")]
    return header, [
        [
            kind,
            _rounded(line.get(f"crops/{kind}"), 0),
            *(_rounded(line.get(f"{name}/{kind}"), 2 if unit else 3) for name, unit in units.items()),
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
            ", ".join(f"{name} {share:g}" for name, share in stage.mix.items()),
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


def _names(run: Run) -> str:
    return ", ".join(Path(name).name for name in run.execution.data)


def _some(paths: Sequence[Path]) -> Sequence[Path]:
    """SHEETS of the sheets, evenly apart, the first and the last among them."""
    if len(paths) <= SHEETS:
        return paths
    return [paths[round(i * (len(paths) - 1) / (SHEETS - 1))] for i in range(SHEETS)]
