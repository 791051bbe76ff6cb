"""OUT/report.html of one evaluation: its figures and how they spread, images beside their reconstructions, faults."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipelines.charts import Chart, histogram
from pipelines.pictures import Picture
from pipelines.report import Report
from pipelines.shards.codec import encode
from pipelines.shards.folder import Folder
from train.evaluation.examples import examples_of
from train.evaluation.files import MEANS, ORDER, Evaluation
from train.evaluation.side_by_side import Example, draw, sheet
from train.metrics import standard_error

FIGURE_FILE, REPORT_FILE = "side_by_side.png", "report.html"
NUM_FAULTS = 50
FEW_IMAGES = 20  # fewer show no shape in a histogram
MAX_TEXT = 240
MEANING = {
    "PSNR": "dB, higher is better; identical images have 80",
    "SSIM": "up to 1, higher is better",
    "LPIPS": "from 0, lower is better",
    "FID": "from 0, lower is better; of all images together",
    "NED": "0 to 1, higher is better: what OCR reads on the reconstruction, against what it reads on the original",
}


def write_report(out: Folder, evaluation: Evaluation) -> str:
    """Write OUT/side_by_side.png and OUT/report.html; the path of the page."""
    results = evaluation.results()
    report = Report(f"Evaluation: {evaluation.name}", subtitle_of(evaluation))
    report.totals(
        {_with_unit(name): _supported(evaluation, name, results[name]) for name in ORDER if name in results}
        | {"images": len(evaluation.good)}
    )
    _figures(report, evaluation)
    _correlations(report, evaluation.rank_correlations())
    show_examples(report, out, examples_of([evaluation]))
    _faults(report, evaluation)
    _about(report, results)
    out.put(REPORT_FILE, report.html().encode())
    return f"{out.url}/{REPORT_FILE}"


def subtitle_of(evaluation: Evaluation) -> str:
    """What was measured, in a line."""
    preset = evaluation.about["preset"]
    read = evaluation.about.get("ocr", "")
    return "; ".join(part for part in (f"preset {preset}" if preset else "", f"read by {read}" if read else "") if part)


def decimals(value: float | None) -> str:
    """Four of them, as in results.json."""
    return "" if value is None or value != value else f"{value:.4f}"


def _supported(evaluation: Evaluation, name: str, value: float | None) -> str:
    """A mean with the decimals that its standard error supports; FID, which has none, with one."""
    if value is None:
        return ""
    places = 1 if name == "FID" else places_for(standard_error(evaluation.values(name)))
    return f"{value:.{places}f}"


def places_for(error: float) -> int:
    """Decimals of a figure of this standard error, its last digit at most half of the error: 1.06 and 0.55 have one,
    0.04 two; at most four, and two where the error is not known or 0."""
    if not (math.isfinite(error) and error > 0):
        return 2
    return min(4, max(0, math.ceil(-math.log10(error / 2))))


def _figures(report: Report, evaluation: Evaluation) -> None:
    report.section("Figures")
    names = [name for name in (*MEANS, "NED") if evaluation.values(name)]
    rows = [[_with_unit(name), *_spread(evaluation.values(name))] for name in names]
    report.table(["figure", "mean", "standard error", "lowest tenth", "median", "images"], rows)
    report.text(". ".join(f"{name}: {MEANING[name]}" for name in names) + ".")
    if absent := _absent(evaluation):
        report.text(absent)
    charted = [(name, evaluation.values(name)) for name in reversed(names)]
    report.charts([_histogram(name, values) for name, values in charted if len(values) >= FEW_IMAGES])


def _absent(evaluation: Evaluation) -> str:
    """Which figures are not there, and why; "" where all are."""
    measured = [name for name in ORDER if name in evaluation.results()]
    absent = [name for name in ORDER if name not in measured]
    preset, reasons = evaluation.about["preset"], []
    if "FID" in absent and "fid" in evaluation.about.get("weights", {}):
        reasons.append("FID needs two images")
    elif preset:
        reasons.append(f"preset {preset} measures PSNR and SSIM, and others where --metrics names them")
    else:
        reasons.append("--metrics names what is measured")
    if {"LPIPS", "FID"} & set(absent):
        reasons.append("LPIPS and FID take weights that are not part of this package")
    return f"Not measured: {', '.join(absent)}. {_sentence('; '.join(reasons))}." if absent else ""


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _spread(values: Sequence[float]) -> list[Any]:
    """Mean, standard error, lowest tenth, median and number of values; the error has a decimal more."""
    error, (lowest, median) = standard_error(values), np.quantile(values, [0.1, 0.5])
    places = places_for(error)
    shown = [f"{value:.{places}f}" for value in (float(np.mean(values)), lowest, median)]
    return [shown[0], f"{error:.{places + 1}f}" if math.isfinite(error) else "", *shown[1:], len(values)]


def _histogram(name: str, values: Sequence[float]) -> Chart:
    low, high = (0.0, 1.0) if name == "NED" else (min(values), max(values))
    edges = np.linspace(low, high if high > low else low + 1, 21)
    counts = np.histogram(values, edges)[0]
    return histogram(
        _with_unit(name),
        list(map(float, edges)),
        {"images": list(map(int, counts))},
        caption="Images by their figure",
    )


def _with_unit(name: str) -> str:
    return f"{name}, dB" if name == "PSNR" else name


def _correlations(report: Report, correlations: dict[str, float]) -> None:
    if not correlations:
        return
    report.heading("Do pixel metrics say how much text is kept?")
    report.text(
        "Rank correlation (Spearman) with NED over the images: 1 where a metric orders them as NED does, 0 where it "
        "knows nothing of text. LPIPS is lower for better images, so its own ideal is -1."
    )
    report.table(["metric", "with NED"], [[name, _correlation(value)] for name, value in correlations.items()])


def _correlation(value: float) -> str:
    return "none: all images have one figure" if math.isnan(value) else f"{value:.3f}"


def show_examples(report: Report, out: Folder, examples: Sequence[Example]) -> None:
    """Images from the worst to the best, in the report and as side_by_side.png."""
    if not examples:
        return
    out.put(FIGURE_FILE, encode(sheet(examples)))
    report.section("Side by side")
    report.text(
        "From the worst to the best: the part of 256 px that differs most, at its own pixels, and below it words "
        "(of photos, places) enlarged four times, the one that differs most and a middling one. White: no difference."
    )
    for example in examples:
        pixels = draw(example)
        picture = Picture(
            data=encode(pixels), width_px=pixels.shape[1], height_px=pixels.shape[0], caption=example.caption
        )
        report.pictures([[picture]])
        if example.texts:
            report.table(["image", "read"], [[name, _short(text)] for name, text in example.texts.items()])


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def _faults(report: Report, evaluation: Evaluation) -> None:
    report.section("Left out")
    resized = sum(row.resized for row in evaluation.good)
    if resized:
        report.text(f"{resized:,} reconstructions had another size: they were brought to the original's (bicubic).")
    unread = sum(not reading.gt_text for reading in evaluation.readings)
    if unread:
        report.text(f"NED: nothing was read on {unread:,} originals, which it leaves out.")
    faults = [[row.file, row.fault] for row in evaluation.rows if row.fault]
    if not faults:
        report.text("No image was left out.")
        return
    report.table(["kind", "images"], list(evaluation.faults.most_common()))
    report.table(
        ["image", "fault"], faults[:NUM_FAULTS], f"The first {min(NUM_FAULTS, len(faults))} of {len(faults):,}"
    )


def _about(report: Report, results: dict[str, Any]) -> None:
    report.section("How it was measured")
    report.table(["", ""], [[name, _plain(value)] for name, value in results["evaluation"].items()])


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return str(value)
