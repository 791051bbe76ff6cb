"""An acuity measurement to read: acuity.json, one plot, a page with tables and examples, a table for the terminal."""

import json
from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

from pipelines.chartframe import Point
from pipelines.charts import Chart, curves, joined
from pipelines.pictures import Picture
from pipelines.report import Report, plain_table
from pipelines.shards.folder import Folder
from train.acuity_charts.examples import read_examples
from train.acuity_charts.results import ABOUT, Results, as_json
from train.acuity_charts.rows import Charts
from train.acuity_charts.scores import THRESHOLD, Mean, Measured
from train.acuity_charts.settings import ORIGINAL, Settings
from train.peers.references import REFERENCES

RESULTS_FILE, PLOT_FILE, REPORT_FILE = "acuity.json", "plot.svg", "report.html"
CEILING = "no autoencoder"
SIGNS = (
    "≤: no smaller size was tried or, of NED, can be read on the originals either. >: not reached at the largest size. \
identity: the originals themselves."
)
NAMES = {"en": "English", "zh": "Chinese"}
CHOICE_RANGE, NED_RANGE = (-0.1, 1.0), (0.0, 1.0)


def write_results(
    out: Folder,
    charts: Charts,
    measured: Mapping[str, tuple[Mapping[str, Any], Sequence[Measured]]],
    settings: Settings,
) -> str:
    """Write the results of every finished model; what is said of them on the terminal."""
    names = sorted((name for name in measured if name != ORIGINAL), key=_rank)
    results = Results({name: measured[name][1] for name in names}, measured[ORIGINAL][1], settings.seed)
    about = {name: dict(measured[name][0]) for name in names}
    content = {"charts": charts.identity, "num_charts": len(charts), "measured": about} | as_json(results)
    out.put(RESULTS_FILE, json.dumps(content, indent=1, ensure_ascii=False).encode())
    panels = _panels(results)
    out.put(PLOT_FILE, joined(panels).encode())
    out.put(REPORT_FILE, _page(results, panels, out, about).encode())
    files = "\n".join(f"{name:11} {out.url}/{name}" for name in (RESULTS_FILE, PLOT_FILE, REPORT_FILE))
    return f"{plain_table(*_summary(results))}\n\n{files}"


def _rank(name: str) -> tuple[int, str]:
    """References first, in their order; models by name."""
    known = list(REFERENCES)
    return (known.index(name), "") if name in known else (len(known), name)


def _summary(results: Results) -> tuple[list[str], list[list[str]]]:
    """Acuity and the size of a NED of 0.9, by language."""
    header = ["model"]
    for language in results.languages:
        header.append(f"acuity {language}, px (95%)")
        header += [f"NED 0.9 {language}, px"] if results.reads else []
    rows = []
    for name in results.models:
        row = [name]
        for language in results.languages:
            row.append(str(results.acuity(name, language)))
            row += [results.shown_ned_px(name, language)] if results.reads else []
        rows.append(row)
    return header, rows


def _panels(results: Results) -> list[Chart]:
    """Forced choice and NED over the size, a panel a language, a curve a model."""
    choices = [_choice_panel(results, language) for language in results.languages]
    return choices + [_ned_panel(results, language) for language in results.languages if results.reads]


def _choice_panel(results: Results, language: str) -> Chart:
    sizes = results.sizes(language)
    series = {
        CEILING if name == "identity" else name: [_point(size, results.choice(name, language, size)) for size in sizes]
        for name in results.models
    }
    title = f"{NAMES.get(language, language)}: forced choice over em, px"
    return curves(title, series, y_range=CHOICE_RANGE, caption=_CHOICE_CAPTION, threshold=THRESHOLD)


def _ned_panel(results: Results, language: str) -> Chart:
    sizes = results.sizes(language)
    series = {CEILING: [_point(size, results.ceiling(language, size)) for size in sizes]}
    for name in results.models:
        if name != "identity":
            series[name] = [_point(size, results.ned_truth(name, language, size)) for size in sizes]
    title = f"{NAMES.get(language, language)}: NED to the true text over em, px"
    dull = [(size - 0.5, size + 0.5) for size in sizes if not results.readable(language, size)]
    return curves(title, series, y_range=NED_RANGE, caption=_NED_CAPTION, threshold=THRESHOLD, shaded=dull)


_CHOICE_CAPTION = "Share of characters told apart from nine look-alikes, chance-corrected; dashed: 0.9"
_NED_CAPTION = "1 - normalised edit distance to the true text; dashed: 0.9; grey: the original itself reads below 0.9"


def _point(size: int, mean: Mean) -> Point:
    return float(size), mean.mean, mean.stderr


def _page(results: Results, panels: Sequence[Chart], out: Folder, about: Mapping[str, Mapping[str, Any]]) -> str:
    engine = next((str(identity["reader"]) for identity in about.values()), "")
    report = Report("Acuity", f"{len(results.original):,} charts of 256 px; reader: {engine or 'none'}")
    report.table(*_summary(results), caption="The smallest character that gets through: em, px")
    for text in ("forced_choice", "acuity", "ned"):
        name = "NED" if text == "ned" else text.replace("_", " ").capitalize()
        report.text(f"{name}: {ABOUT[text]}.")
    report.text(SIGNS)
    report.section("Curves")
    for start in range(0, len(panels), len(results.languages)):
        report.charts(panels[start : start + len(results.languages)])
    if len(results.grounds) > 1:
        _add_grounds(report, results)
    _add_sizes(report, results)
    _add_examples(report, results, out)
    return report.html()


def _add_grounds(report: Report, results: Results) -> None:
    report.section("By ground")
    places = [(language, ground) for language in results.languages for ground in results.grounds if ground != "all"]
    header = ["model", *(f"{language}, {ground}" for language, ground in places)]
    rows = [[name, *(str(results.acuity(name, *place)) for place in places)] for name in results.models]
    report.table(header, rows, caption="Acuity by forced choice, px (95%)")
    if results.reads:
        rows = [[name, *(results.shown_ned_px(name, *place) for place in places)] for name in results.models]
        report.table(header, rows, caption="Smallest size of a NED of 0.9, px")


def _add_sizes(report: Report, results: Results) -> None:
    report.section("By size")
    _add_errors(report, results)
    for language in results.languages:
        report.heading(NAMES.get(language, language))
        header = ["px", *results.models]
        rows = [
            [str(size), *(_shown(results.choice(name, language, size)) for name in results.models)]
            for size in results.sizes(language)
        ]
        report.table(header, rows, caption="Forced choice, chance-corrected, ± standard error")
        if results.reads:
            report.table(
                ["px", "original to truth", *results.models],
                [_ned_row(results, language, size) for size in results.sizes(language)],
                caption="NED to the original's reading, ± standard error; in brackets where the original itself reads "
                "below 0.9, so that it tells nothing",
            )


def _add_errors(report: Report, results: Results) -> None:
    """How exact the curves are, and where they go down."""
    header = ["model"]
    for language in results.languages:
        header += [f"{language}: forced choice ±", f"{language}: NED ±", f"{language}: falls"]
    rows = []
    for name in results.models:
        row = [name]
        for language in results.languages:
            row += [
                f"{error:.3f}" if not isnan(error) else "not known" for error in results.largest_stderr(name, language)
            ]
            falls = [f"{of} {a} to {b} px by {by:.3f}" for of, a, b, by in results.falls(name, language)]
            row.append("; ".join(falls) or "none")
        rows.append(row)
    report.table(header, rows, caption=f"Largest standard errors of any size. Falls: {ABOUT['falls']}")


def _ned_row(results: Results, language: str, size: int) -> list[str]:
    cells = [_shown(results.ned(name, language, size)) for name in results.models]
    readable = results.readable(language, size)
    return [str(size), _shown(results.ceiling(language, size)), *(c if readable else f"[{c}]" for c in cells)]


def _shown(mean: Mean) -> str:
    error = "" if isnan(mean.stderr) else f" ± {mean.stderr:.3f}"
    return f"{mean.mean:.3f}{error}" if mean.num else ""


def _add_examples(report: Report, results: Results, out: Folder) -> None:
    """The same part of a chart from every model, by language and size."""
    found = read_examples(out, [ORIGINAL, *(name for name in results.models if name != "identity")])
    if not found:
        return
    report.section("What it looks like")
    for language in results.languages:
        report.heading(NAMES.get(language, language))
        groups: list[list[Picture]] = []
        for title, pictures in found.items():
            if title.startswith(f"{language} "):
                size = title.partition(" ")[2].lstrip("0")
                groups.append([_picture(f"{size}: {name}", *picture) for name, picture in pictures.items()])
        report.pictures(groups)


def _picture(caption: str, data: bytes, width: int, height: int) -> Picture:
    return Picture(data=data, width_px=width, height_px=height, caption=caption, zoom=2)
