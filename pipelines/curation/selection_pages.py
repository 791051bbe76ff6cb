"""The parts of a curation's report that are about selections: one by itself, and a chain of stages."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from curate.expressions import expression
from pipelines.chartframe import number
from pipelines.charts import Axis, Chart, bars, histogram
from pipelines.curation.facts import Around, Facts, SelectionFacts
from pipelines.curation.samples import Samples, amount
from pipelines.curation.score_bins import Bins
from pipelines.report import Report

Cuts = Mapping[str, Any]  # what a cuts.json holds
MAX_TICKS = 6
NUM_STAGE_RULES = 2  # of which images are shown, those that most images fail
WORDS = {"bad": "fails", "good": "kept"}
FAILING, ELSEWHERE = "fails the bound", "dropped for another reason"
FAILING_COLOUR, ELSEWHERE_COLOUR = "#d2691e", "#c3c9ce"
LEGEND = (
    "Charts count images without a fault; dashed: the bound. Under each picture stands its part with the strongest \
edges, at its own pixels. A green edge: kept; a red one: fails the bound."
)


class SelectionPages:
    """Adds sections to a report. `about`: what each score column means."""

    def __init__(self, report: Report, facts: Facts, samples: Samples, about: Mapping[str, str]) -> None:
        self._report, self._facts, self._samples, self._about = report, facts, samples, about

    def selection(self, name: str) -> None:
        """A selection by itself: what its rules drop, and images around each bound."""
        selection = self._facts.selections[name]
        cuts, report = selection.cuts, self._report
        report.section(name)
        report.text(cuts["about"])
        report.text(LEGEND)
        report.totals({"kept": cuts["counts"]["kept"], "dropped": cuts["counts"]["rows"] - cuts["counts"]["kept"]})
        report.charts([_funnel(cuts), *self._histograms(name, [selection])])
        report.table(
            ["rule", "fail it"],
            [[f"{rule['column']} {bound_text(rule)}", rule["failing"]] for rule in cuts["rules"]],
            "How many images without a fault fail each rule, be it the first they fail or not; where a column has no "
            "value, a rule fails unless it keeps what is missing",
        )
        self._skipped(cuts)
        self._categories(selection)
        self._kept(selection)
        for around in selection.around:
            self._around(around)

    def stages(self, names: Sequence[str]) -> None:
        """A chain of selections, each a part of the one before it."""
        chain = [self._facts.selections[name] for name in names]
        all_cuts, report = [selection.cuts for selection in chain], self._report
        report.section("Stages")
        report.text("Each stage is a part of the one before it. Bounds as they hold in each; empty: no such rule.")
        report.text(LEGEND)
        counts = [["kept", *(cuts["counts"]["kept"] for cuts in all_cuts)], ["of all", *map(share_text, all_cuts)]]
        sides = dict.fromkeys((rule["column"], rule["side"]) for cuts in all_cuts for rule in cuts["rules"])
        rows = [
            [f"{column} {_words(side)}", *(_strictest(c, column, side) for c in all_cuts)] for column, side in sides
        ]
        report.table(["", *names], [*counts, *rows])
        self._skipped(all_cuts[-1])
        report.charts([*map(_funnel, all_cuts), *self._histograms(names[0], chain)])
        for name, selection in zip(names, chain, strict=True):
            report.heading(f"{name}: {selection.cuts['about']}")
            self._kept(selection)
            for around in sorted(selection.around, key=lambda around: -around.rule["failing"])[:NUM_STAGE_RULES]:
                self._around(around)

    def scores(self) -> None:
        """The histograms of the columns that no rule is on."""
        ruled = {rule["column"] for f in self._facts.selections.values() for rule in f.cuts["rules"]}
        left = {key: bins for key, bins in self._facts.bins.items() if key[1] not in ruled}
        self._report.section("Other scores")
        self._report.charts([self._histogram(name, text, bins, {}) for (name, text), bins in left.items()])

    def _histograms(self, name: str, chain: Sequence[SelectionFacts]) -> list[Chart]:
        """A chart for each column that the rules are on, with their bounds."""
        charts = []
        for text in dict.fromkeys(rule["column"] for f in chain for rule in f.cuts["rules"]):
            if bins := self._facts.bins.get((name, text)):
                charts.append(self._histogram(name, text, bins, _bounds(text, chain)))
        return charts

    def _histogram(self, name: str, text: str, bins: Bins, bounds: Mapping[float, str]) -> Chart:
        marks = dict(bins.mark(bound, label) for bound, label in bounds.items())
        axis = Axis(ticks=log_ticks(bins.edges[0], bins.edges[-1]) if bins.is_log else None, marks=marks)
        kept = f"kept by {name}" if name else "sound"
        elsewhere = ELSEWHERE if bounds else f"dropped by {name}"
        counts = {kept: bins.kept, FAILING: bins.dropped, elsewhere: bins.elsewhere}
        series = {word: part.tolist() for word, part in counts.items() if word == kept or part.any()}
        colours = {FAILING: FAILING_COLOUR, elsewhere: ELSEWHERE_COLOUR}
        return histogram(text, bins.edges.tolist(), series, axis=axis, caption=self._meaning(text), colours=colours)

    def _meaning(self, text: str) -> str:
        """What a column means; of an expression, what each of its columns means."""
        columns = sorted(expression(text).columns & self._about.keys())
        return ". ".join(self._about[name] if name == text else f"{name}: {self._about[name]}" for name in columns)

    def _skipped(self, cuts: Cuts) -> None:
        if cuts["skipped"]:
            self._report.text(f"Left out, since the scores have no such column: {'; '.join(cuts['skipped'])}.")

    def _categories(self, selection: SelectionFacts) -> None:
        parts = selection.cuts["categories"]
        if [part["name"] for part in parts] in ([], [""]):
            return
        self._report.heading("Categories")
        self._report.text("An image belongs to the first category whose condition it meets.")
        conditions = {category.name: category.where or "all others" for category in selection.selection.categories}
        rows = [
            [
                part["name"] or "(none)",
                part["kept"],
                "" if part["share"] is None else part["share"],
                part["share_of_weight"],
                part["factor"],
                conditions.get(part["name"], "all others"),
            ]
            for part in parts
        ]
        self._report.table(
            ["category", "kept", "share asked for", "share of weight", "weights times", "condition"], rows
        )

    def _kept(self, selection: SelectionFacts) -> None:
        if selection.weight:
            self._report.heading("The densest it keeps")
            rows = selection.densest.rows
            self._report.pictures(self._samples.pictures(row, self._samples.density(row), "good") for row in rows)
        if selection.kept:
            self._report.heading("Kept, evenly spread")
            self._report.pictures(self._samples.pictures(row, "", "good") for row in selection.kept)

    def _around(self, around: Around) -> None:
        """The images on both sides of a bound, those nearest to it in the middle."""
        rule, samples = around.rule, self._samples
        self._report.heading(f"{rule['column']} {bound_text(rule)}: nearest to it")
        sides = [("bad", row) for row in reversed(around.dropped.rows)] + [("good", row) for row in around.kept.rows]
        notes = [f"{WORDS[tone]}: {samples.at(row, rule['column'])}" for tone, row in sides]
        found = (samples.pictures(row, note, tone) for (tone, row), note in zip(sides, notes, strict=True))
        self._report.pictures(group for group in found if group)


def _funnel(cuts: Cuts) -> Chart:
    counts = {"kept": cuts["counts"]["kept"], **cuts["counts"]["dropped"]}
    return bars(cuts["selection"], counts, caption="Images kept, and dropped by the first rule they fail.")


def _bounds(text: str, chain: Sequence[SelectionFacts]) -> dict[float, str]:
    """The bounds on a column with what is written beside them: the value, and which stage has it first."""
    bounds: dict[float, str] = {}
    for selection in chain:
        for rule in selection.cuts["rules"]:
            if rule["column"] == text and rule["value"] is not None:
                stage = f" {selection.cuts['selection']}" if len(chain) > 1 else ""
                bounds.setdefault(rule["value"], amount(rule["value"]) + stage)
    return bounds


def log_ticks(low: float, high: float) -> dict[float, str]:
    """Names of round values on a logarithmic axis: powers of ten, or more where these are few; MAX_TICKS at most."""
    for steps in ((1, 2, 5), (1, 3), (1,)):
        values = [step * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for step in steps]
        inside = [value for value in values if low <= math.log10(value) <= high]
        if len(inside) <= MAX_TICKS:
            break
    return {math.log10(value): number(value) for value in inside[:: -(-len(inside) // MAX_TICKS) or 1]}


def share_text(cuts: Cuts) -> str:
    """The share of all rows that a selection keeps."""
    return f"{100 * cuts['counts']['kept'] / max(1, cuts['counts']['rows']):.1f}%"


def bound_text(rule: Mapping[str, Any]) -> str:
    """A rule's bound in words: "at least 0.5", and where it holds."""
    where = f" where {rule['where']}" if rule["where"] else ""
    return f"{_words(rule['side'])} {'(no values)' if rule['value'] is None else amount(rule['value'])}{where}"


def _words(side: str) -> str:
    return side.replace("_", " ")


def _strictest(cuts: Cuts, column: str, side: str) -> str:
    found = [rule["value"] for rule in cuts["rules"] if (rule["column"], rule["side"]) == (column, side)]
    values = [value for value in found if value is not None]
    return amount((min if side == "at_most" else max)(values)) if values else ""
