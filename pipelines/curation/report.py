"""The report of a curation, OUT/report.html: what was found, what each selection keeps and drops, and why."""

import json
from collections.abc import Mapping
from typing import Any

from pipelines.corpora.listing import describe_skipped
from pipelines.curation.facts import Facts, gather
from pipelines.curation.fitting import FIT_FILE
from pipelines.curation.samples import Samples, amount
from pipelines.curation.score_bins import score_columns
from pipelines.curation.scoretable import LIST, ScoreTable, part_of
from pipelines.curation.selecting import read_cuts, selection_names
from pipelines.curation.selection_pages import SelectionPages, share_text
from pipelines.curation.timings import read_timings
from pipelines.report import Report
from pipelines.shards.folder import Folder

REPORT_FILE = "report.html"
MIN_SHOWN = 0.75  # AUROC: a column that separates nothing better is left out


def write_report(out: str) -> str:
    """Write OUT/report.html; its path. Raises ValueError where the scores are not finished."""
    folder, table = Folder(out), ScoreTable(out)
    cuts = {name: read_cuts(folder, name) for name in selection_names(folder)}
    chained = [*{name: 0 for cut in cuts.values() for name in (*cut["part_of"], cut["selection"]) if cut["part_of"]}]
    chained = sorted((name for name in chained if name in cuts), key=lambda name: len(cuts[name]["part_of"]))
    single = [name for name in cuts if name not in chained]
    facts = gather(table, folder, {name: cuts[name] for name in (*single, *chained)})
    title = out.rstrip("/").rpartition("/")[2]
    report = Report(f"Curation: {title}", f"{facts.num_rows:,} images, {len(cuts)} selections")
    samples = Samples(table)
    _overview(report, facts, read_timings(folder))
    pages = SelectionPages(report, facts, samples, score_columns(table.schema))
    for name in single:
        pages.selection(name)
    if chained:
        pages.stages(chained)
    pages.scores()
    _calibration(report, folder)
    _duplicates(report, facts, samples)
    _faults(report, facts, describe_skipped(part_of(out, LIST)))
    folder.put(REPORT_FILE, report.html().encode())
    return f"{folder.url}/{REPORT_FILE}"


def _overview(report: Report, facts: Facts, timings: Mapping[str, tuple[int, float]]) -> None:
    report.totals(
        {
            "images": facts.num_rows,
            "scored": facts.statuses["ok"],
            "faults": facts.num_rows - facts.statuses["ok"],
            "duplicates": facts.duplicates.total(),
        }
    )
    names = {"scores": "pixel scores", "text": "text"}
    speeds = [[names.get(part, part), n, seconds, n / max(seconds, 1e-9)] for part, (n, seconds) in timings.items()]
    if speeds:
        report.table(["measured", "images", "seconds", "images a second"], speeds, "All runs, start-up included")
    cuts = {name: selection.cuts for name, selection in facts.selections.items()}
    rows = [[name, cut["counts"]["kept"], share_text(cut), len(cut["rules"])] for name, cut in cuts.items()]
    report.table(["selection", "kept", "of all", "rules"], rows)


def _calibration(report: Report, folder: Folder) -> None:
    report.section("Calibration")
    if not folder.exists(FIT_FILE):
        report.text("Not done: `curate.py calibrate` tries the scores on damaged copies of this corpus's own images.")
        return
    fit = json.loads(folder.read(FIT_FILE))
    report.text(
        f"{fit['num_images']} images of this corpus, each as it is and damaged in known ways. Numbers are AUROC: the "
        "chance that an image as it is scores better than a damaged one; 0.5 is blind. Bounds drop at most "
        f"{fit['false_drop_asked']:.1%} of the images as they are, each by itself; those of the calibrated rules "
        f"together {fit['false_drop']:.1%}."
    )
    columns = _shown_columns(fit)
    report.table(["score", "separates best", "bound", "in the rules"], [_fit_row(fit, column) for column in columns])
    report.table(
        ["AUROC", *(column["column"] for column in columns)],
        [[name, *(_written(column["auroc"][name], ".3f") for column in columns)] for name in fit["recall"]],
    )
    report.table(
        ["damage", "dropped by the rules", "should be", "what is done; its strength"],
        [
            [name, _written(share, ".1%"), "yes" if name in fit["harmful"] else "no", fit["about"][name]]
            for name, share in fit["recall"].items()
        ],
    )


def _best(fit: Mapping[str, Any], column: Mapping[str, Any]) -> tuple[float, str]:
    """The highest AUROC of a column on a damage that harms, and that damage."""
    known = {str(name): column["auroc"][name] for name in fit["harmful"] if column["auroc"][name] is not None}
    return max(((value, name) for name, value in known.items()), default=(0.0, ""))


def _written(value: float | None, spec: str) -> str:
    return "" if value is None else f"{value:{spec}}"


def _shown_columns(fit: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The columns that separate some harm: those in the rules first, then the best."""
    shown = [column for column in fit["columns"] if _best(fit, column)[0] >= MIN_SHOWN]
    return sorted(shown, key=lambda column: (not column["taken"], -_best(fit, column)[0]))


def _fit_row(fit: Mapping[str, Any], column: Mapping[str, Any]) -> list[str]:
    share, damage = _best(fit, column)
    bound = f"{column['side'].replace('_', ' ')} {amount(column['bound'])}"
    return [column["column"], f"{damage} {share:.3f}", bound, "yes" if column["taken"] else ""]


def _duplicates(report: Report, facts: Facts, samples: Samples) -> None:
    report.section("Duplicates")
    if not facts.duplicates:
        report.text("None were found.")
        return
    report.table(["kind", "images"], [[kind or "any", count] for kind, count in facts.duplicates.items()])
    report.pictures([pair] for found in facts.pairs for pair in samples.pair(*found))


def _faults(report: Report, facts: Facts, skipped: str) -> None:
    report.section("Faults")
    if skipped:
        report.text(f"Left out of the list: {skipped}.")
    statuses = [[name, count] for name, count in facts.statuses.most_common() if name != "ok"]
    if not statuses:
        report.text("None: every image could be read and scored.")
        return
    report.table(["status", "images"], statuses)
    rows = [[status, *row] for status, found in sorted(facts.faults.items()) for row in found]
    report.table(["status", "image", "reason"], rows, "The first of each status")
