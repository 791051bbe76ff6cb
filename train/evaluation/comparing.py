"""Several evaluations of the same originals: one table, plots, rank correlations, images side by side."""

import json
import math
from collections.abc import Sequence
from math import isnan, nan
from typing import Any

from pipelines.charts import Chart, bars, curves
from pipelines.report import Report
from pipelines.shards.folder import Folder
from train.evaluation.examples import examples_of
from train.evaluation.files import MEANS, ORDER, Evaluation, read_evaluation
from train.evaluation.report import REPORT_FILE, decimals, show_examples, subtitle_of
from train.evaluation.settings import Comparison
from train.metrics import rank_correlation, standard_error

COMPARISON_FILE = "comparison.json"
SAME = {"originals": "other originals", "preset": "another preset", "ocr": "another OCR engine"}
POINTS = "A point each, with one standard error of NED; without identical images"
IDENTICAL = {"PSNR": 79.995, "SSIM": 0.99995}  # far from all else: it would hide what differs
PLOTTED = {"PSNR": ("PSNR, dB", 1.0), "SSIM": ("SSIM x 100", 100.0), "LPIPS": ("LPIPS x 100", 100.0)}


def write_comparison(comparison: Comparison) -> str:
    """Write comparison.json, side_by_side.png and report.html; the path of the page, for the terminal.

    Raises ValueError where the evaluations cannot be compared.
    """
    evaluations = [read_evaluation(folder) for folder in comparison.evaluations]
    _check(comparison.evaluations, evaluations)
    out = Folder(comparison.out)
    out.sweep()
    results = {evaluation.name: evaluation.results() for evaluation in evaluations}
    correlations = over_evaluations(evaluations)
    content = {
        "evaluations": results,
        "rank_correlation_with_NED": {
            "over_evaluations": {name: _known(value) for name, value in correlations.items()},
            "over_images": {e.name: {n: _known(v) for n, v in e.rank_correlations().items()} for e in evaluations},
        },
    }
    out.put(COMPARISON_FILE, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
    report = Report(f"{len(evaluations)} evaluations", subtitle_of(evaluations[0]))
    _totals(report, evaluations, results)
    _table(report, evaluations)
    report.charts(_charts(evaluations))
    _correlations(report, evaluations, correlations)
    show_examples(report, out, examples_of(evaluations))
    out.put(REPORT_FILE, report.html().encode())
    return f"report   {out.url}/{REPORT_FILE}"


def _check(folders: Sequence[str], evaluations: Sequence[Evaluation]) -> None:
    if len(evaluations) < 2:
        raise ValueError(f"{len(evaluations)} evaluations are given: name at least two folders to compare")
    names = [evaluation.name for evaluation in evaluations]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two evaluations are called {name!r}: evaluate one again with --name")
    first = evaluations[0].about
    for folder, evaluation in zip(folders, evaluations, strict=True):
        for field, words in SAME.items():
            mine, theirs = first.get(field), evaluation.about.get(field)
            if mine != theirs and not (field == "ocr" and None in (mine, theirs)):
                raise ValueError(f"{folder} was measured with {words} than {folders[0]} ({mine} and {theirs})")


def over_evaluations(evaluations: Sequence[Evaluation]) -> dict[str, float]:
    """By metric, Spearman's correlation of its means with those of NED; nan for fewer than three evaluations."""
    results = [evaluation.results() for evaluation in evaluations]
    found = {}
    for name in (*MEANS, "FID"):
        both = [(r[name], r["NED"]) for r in results if r.get(name) is not None and r.get("NED") is not None]
        if both:
            found[name] = rank_correlation([value for value, _ in both], [ned for _, ned in both])
    return found


def _known(value: float) -> float | None:
    return None if isnan(value) else round(value, 4)


def _totals(report: Report, evaluations: Sequence[Evaluation], results: dict[str, Any]) -> None:
    totals: dict[str, Any] = {"evaluations": len(evaluations), "images": max(len(e.good) for e in evaluations)}
    neds = {name: result["NED"] for name, result in results.items() if result.get("NED") is not None}
    if neds:
        best = max(neds, key=lambda name: neds[name])
        totals["highest NED"] = f"{best} {decimals(neds[best])}"
    report.totals(totals)


def _table(report: Report, evaluations: Sequence[Evaluation]) -> None:
    report.section("Figures")
    results = [evaluation.results() for evaluation in evaluations]
    names = [name for name in ORDER if any(name in result for result in results)]
    rows = []
    for evaluation, result in zip(evaluations, results, strict=True):
        error = standard_error(evaluation.values("NED"))
        figures = [decimals(result.get(name)) for name in names]
        rows.append([evaluation.name, *figures, decimals(error), result["num_samples"], result.get("NED_samples", nan)])
    report.table(["evaluation", *names, "NED ±", "images", "images with text"], rows, "± is a standard error")
    if len({frozenset(row.file for row in evaluation.good) for evaluation in evaluations}) > 1:
        report.text("Not all have the same images: some were left out of one and not of another.")


def _charts(evaluations: Sequence[Evaluation]) -> list[Chart]:
    results = {evaluation.name: evaluation.results() for evaluation in evaluations}
    neds = {name: result["NED"] for name, result in results.items() if result.get("NED") is not None}
    charts = [bars("NED", neds)] if neds else []
    for metric, (title, scale) in PLOTTED.items():
        points = {}
        for evaluation in evaluations:
            value = results[evaluation.name].get(metric)
            if value is not None and evaluation.name in neds and value < IDENTICAL.get(metric, math.inf):
                error = standard_error(evaluation.values("NED"))
                points[evaluation.name] = [(value * scale, neds[evaluation.name], error)]
        if points:
            charts.append(curves(f"NED over {title}", points, caption=POINTS))
    return charts


def _correlations(report: Report, evaluations: Sequence[Evaluation], over_all: dict[str, float]) -> None:
    if not over_all:
        return
    report.section("Do pixel metrics say how much text is kept?")
    report.text(
        "Rank correlation (Spearman) of each metric with NED: over the evaluations, by their means, and within each "
        "evaluation, over its images. 1 is the same order, 0 none; LPIPS and FID are lower for better images, so "
        "their own ideal is -1. Three points or more are needed."
    )
    names = list(over_all)
    rows: list[list[Any]] = [["over the evaluations", *(_three(over_all[name]) for name in names)]]
    for evaluation in evaluations:
        found = evaluation.rank_correlations()
        rows.append([f"over images: {evaluation.name}", *(_three(found.get(name, nan)) for name in names)])
    report.table(["", *names], rows)


def _three(value: float) -> str:
    return "" if isnan(value) else f"{value:.3f}"
