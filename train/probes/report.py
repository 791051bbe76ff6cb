"""What probes found, for the terminal, as JSON and as a page."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from pipelines.charts import bars, curves
from pipelines.report import Report, plain_table
from pipelines.shards.folder import Folder
from train.probes.fits import Interval
from train.probes.latents import Group, Probed
from train.probes.layers import Layer
from train.probes.samples import Samples

RESULTS_FILE, REPORT_FILE = "results.json", "report.html"
ABOUT_PROBES = (
    "Latents are averaged over the image and standardised; a multinomial logistic regression is fitted on some sources "
    "and tested on the others. Chance is the share of the commonest class. "
)
OVER = {
    "models": "Intervals are Student's 95% over the models, each the mean of its splits.",
    "splits": "Intervals are 95% over the splits, widened for the images they share (Nadeau and Bengio, 2003): they "
    "tell how sure the probe is, not how another training would end.",
}
ABOUT_LAYERS = (
    "W is fitted by ridge regression to features of unit length, without intercept, and tested on sources it has not "
    "seen; the strength is the best of several. Cosine: of Wz and the feature (1 less equation 2). Constant: the "
    "cosine of the mean direction, reached without looking at the image. Distance: equation 3 without margin. "
    "Accuracy: of a linear probe on the block's own features."
)


def shown(one: Interval | None) -> str:
    """An interval as read: 0.612 (0.590 to 0.634)."""
    if one is None:
        return ""
    return f"{one.mean:.3f}" + ("" if math.isnan(one.low) else f" ({one.low:.3f} to {one.high:.3f})")


def latents_table(probed: Sequence[Probed]) -> tuple[list[str], list[list[Any]]]:
    """The header and a row for each label."""
    header = ["label", "classes", "images", "sources", "chance", "accuracy"]
    rows: list[list[Any]] = [
        [one.label.name, len(one.label.names), len(one.label.rows), one.num_sources, one.chance]
        + [shown(one.model.interval)]
        + ([shown(one.against.interval), shown(one.difference)] if one.against else [])
        for one in probed
    ]
    return header + (["against", "difference"] if probed[0].against else []), rows


def layers_table(layers: Sequence[Layer]) -> tuple[list[str], list[list[Any]]]:
    """The header and a row for each block."""
    header = ["block", "cosine", "± error", "constant", "distance", "ridge", "accuracy"]
    return header, [
        [one.block, one.cosine, one.cosine_error, one.constant, one.distance, f"{one.ridge:g}", shown(one.accuracy)]
        for one in layers
    ]


def describe_latents(probed: Sequence[Probed]) -> str:
    """What was found, for the terminal."""
    return f"{plain_table(*latents_table(probed))}\n{OVER[probed[0].unit]}"


def describe_layers(layers: Sequence[Layer]) -> str:
    """What was found, for the terminal."""
    best = max(layers, key=lambda one: one.cosine)
    return f"{plain_table(*layers_table(layers))}\nhighest cosine: block {best.block}"


def write_latents(out: str, probed: Sequence[Probed], samples: Samples, facts: Mapping[str, Any]) -> str:
    """Write both files; the address of the page."""
    report = Report("What latents tell", ABOUT_PROBES + OVER[probed[0].unit])
    _add_totals(report, samples, {"labels": len(probed)})
    report.section("Accuracy by label")
    report.table(*latents_table(probed))
    report.charts([_accuracies(one) for one in probed])
    report.section("Each model in each split")
    for one in probed:
        report.heading(one.label.name)
        header = ["model", *(f"split {i}" for i in range(one.model.accuracies.shape[1]))]
        report.table(header, [row for group in (one.model, one.against) if group for row in _models(group)])
    _add_facts(report, samples, facts)
    found = [
        {
            "label": one.label.name,
            "classes": list(one.label.names),
            "num_images": len(one.label.rows),
            "num_left_out": one.label.num_dropped,
            "num_sources": one.num_sources,
            "chance": one.chance,
            "model": _group(one.model),
            "against": _group(one.against) if one.against else None,
            "difference": asdict(one.difference) if one.difference else None,
            "intervals_over": one.unit,
        }
        for one in probed
    ]
    return _write(out, {"latents": found}, report, samples, facts)


def _accuracies(one: Probed) -> Any:
    values = {"chance": one.chance}
    for name, group in (("against ", one.against), ("", one.model)):
        if group is not None:
            means = group.accuracies.mean(1).tolist()
            values |= {f"{name}{_last(model)}": mean for model, mean in zip(group.models, means, strict=True)}
    return bars(one.label.name, values, caption="Accuracy, mean of the splits.")


def _models(group: Group) -> list[list[Any]]:
    return [[model, *row] for model, row in zip(group.models, group.accuracies.tolist(), strict=True)]


def _group(group: Group) -> dict[str, Any]:
    accuracies = dict(zip(group.models, group.accuracies.tolist(), strict=True))
    return asdict(group.interval) | {"accuracies": accuracies}


def _last(folder: str) -> str:
    """The end of a path, which tells models apart."""
    return "/".join(Path(folder).parts[-2:])


def write_layers(out: str, layers: Sequence[Layer], samples: Samples, facts: Mapping[str, Any]) -> str:
    """Write both files; the address of the page."""
    report = Report("Which block of the teacher", ABOUT_LAYERS)
    _add_totals(report, samples, {"highest cosine": f"block {max(layers, key=lambda one: one.cosine).block}"})
    report.section("By block")
    report.table(*layers_table(layers))
    cosines = {
        "of Wz": [(float(one.block), one.cosine, one.cosine_error) for one in layers],
        "constant": [(float(one.block), one.constant, math.nan) for one in layers],
    }
    charts = [curves("Cosine by block", cosines, caption="Held-out images; bars: one standard error over folds.")]
    distances = {"distance": [(float(one.block), one.distance, math.nan) for one in layers]}
    top = max(one.distance for one in layers) * 1.1
    charts += [curves("Distance by block", distances, y_range=(0.0, max(top, 1e-6)), caption="Equation 3, held out.")]
    read = [(float(one.block), one.accuracy) for one in layers if one.accuracy]
    if read:
        points = {"accuracy": [(block, one.mean, (one.high - one.low) / 2) for block, one in read]}
        charts += [curves("Accuracy by block", points, caption=f"Of {facts['label']}; bars: 95% interval.")]
    report.charts(charts)
    _add_facts(report, samples, facts)
    return _write(out, {"layers": [asdict(one) for one in layers]}, report, samples, facts)


def _add_totals(report: Report, samples: Samples, more: Mapping[str, Any]) -> None:
    totals: dict[str, Any] = {
        "images": len(samples),
        "left out": samples.faults.total(),
        "sources": len(set(samples.sources)),
    }
    report.totals(totals | dict(more))


def _add_facts(report: Report, samples: Samples, facts: Mapping[str, Any]) -> None:
    """What was probed, so that it can be done again."""
    report.section("What was probed")
    report.table(["setting", "value"], [[name, _text(value)] for name, value in facts.items()])
    if samples.faults:
        report.table(["left out because", "images"], samples.faults.most_common(20))


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _write(out: str, found: dict[str, Any], report: Report, samples: Samples, facts: Mapping[str, Any]) -> str:
    """The page last, so that whoever sees it finds the figures beside it."""
    results = found | {
        "num_images": len(samples),
        "num_sources": len(set(samples.sources)),
        "left_out": dict(samples.faults),
        "settings": dict(facts),
        "torch": str(torch.__version__),
    }
    folder = Folder(out)
    data = json.dumps(_plain(results), indent=1, ensure_ascii=False, allow_nan=False)
    folder.put(RESULTS_FILE, data.encode())
    folder.put(REPORT_FILE, report.html().encode())
    return f"{folder.url}/{REPORT_FILE}"


def _plain(value: Any) -> Any:
    """The value with null for nan, which is no JSON."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value
