"""Counts of a selection while it is written, and all that its cuts.json holds."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.rules import Selection
from curate.rulesfile import dump_rules
from curate.select import Cuts, Reasons
from curate.weigh import Quotas


class Tally:
    """Counts of a selection, as cuts.json holds them."""

    def __init__(self, cuts: Cuts) -> None:
        self._cuts = cuts
        self.num_rows = self.num_kept = 0
        self._dropped: Counter[str] = Counter()
        self._failing: Counter[str] = Counter()
        size = len(cuts.selection.categories) + 1
        self._kept_by, self._weight_by = np.zeros(size, np.int64), np.zeros(size)

    def add(self, reasons: Reasons, weights: NDArray[np.float32], numbers: NDArray[np.int32]) -> None:
        """Count what was decided on a batch."""
        self.num_rows += len(reasons.codes)
        self._failing += reasons.failing
        self.num_kept += int(reasons.keep.sum())
        found = np.bincount(reasons.codes[~reasons.keep], minlength=len(reasons.names))
        self._dropped.update(dict(zip(reasons.names, found.tolist(), strict=True)))
        self._kept_by += np.bincount(numbers[reasons.keep], minlength=len(self._kept_by))
        self._weight_by += np.bincount(numbers, weights, len(self._weight_by))

    def summary(self, quotas: Quotas) -> dict[str, Any]:
        """What cuts.json holds. "failing": rows a rule alone would drop; "dropped": by the first reason."""
        selection = self._cuts.selection
        return {
            "selection": selection.name,
            "about": selection.about,
            "kind": selection.kind,
            "part_of": list(selection.inherited),
            "rules": [
                {
                    "rule": str(cut.rule),
                    "column": cut.rule.column,
                    "side": "at_most" if cut.rule.at_least is None else "at_least",
                    "value": None if np.isnan(cut.value) else cut.value,
                    "where": cut.rule.where,
                    "failing": self._failing[str(cut.rule)],
                }
                for cut in self._cuts.cuts
            ],
            "skipped": [str(rule) for rule in self._cuts.skipped],
            "counts": {"rows": self.num_rows, "kept": self.num_kept, "dropped": dict(self._dropped.most_common())},
            "categories": self._categories(quotas),
            "rules_file": alone(selection),
        }

    def _categories(self, quotas: Quotas) -> list[dict[str, Any]]:
        total = float(self._weight_by.sum()) or 1.0
        parts = [*self._cuts.selection.categories, None]
        return [
            {
                "name": part.name if part else "",
                "kept": int(kept),
                "share": part.share if part else None,
                "share_of_weight": float(weight) / total,
                "factor": factor,
            }
            for part, kept, weight, factor in zip(parts, self._kept_by, self._weight_by, quotas.factors, strict=True)
            if part or kept
        ]


def alone(selection: Selection) -> str:
    """A selection as a rules file of its own, without the one it extends."""
    return dump_rules({selection.name: replace(selection, extends="")})
