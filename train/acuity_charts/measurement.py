"""Measures models on charts, block by block; what is measured stays in a file a model, and is not measured again."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pipelines.exits import exit_code
from pipelines.progress import Progress
from pipelines.shards.folder import Folder
from train.acuity_charts.examples import example_charts, keep_example, missing_examples
from train.acuity_charts.forcedchoice import Choice
from train.acuity_charts.reading import LineReader, to_original, to_truth
from train.acuity_charts.report import write_results
from train.acuity_charts.rows import Charts, Kind
from train.acuity_charts.scores import Measured
from train.acuity_charts.settings import ORIGINAL, Settings, Subject, parse_settings
from train.evaluation.reading import Reader
from train.peers.autoencoders import Autoencoder, open_autoencoder

BLOCK_CHARTS = 32
METHOD = 1  # of measuring: raised whenever its figures change
OF_CHARTS = ("charts", "num_charts", "shards")
Identity = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Record:
    """What is measured of one model so far, chart by chart from the first."""

    subject: Subject | None
    identity: Identity
    charts: list[Measured]

    @property
    def name(self) -> str:
        return str(self.identity["name"])


def main(args: Sequence[str]) -> int:
    """Measure as the command line says; the process's exit code."""
    settings = parse_settings(args)

    def command() -> None:
        print(measure(settings))

    return exit_code("acuity.py", command, faults=(ModuleNotFoundError, RuntimeError))  # the latter: a reader died


def measure(settings: Settings) -> str:
    """Measure what is missing, write the results, and say them."""
    ocr = settings.ocr
    if ocr.ocr == "none":
        return _Measurement(settings, LineReader(None, 0)).run()
    with Reader(
        ocr.ocr, models=ocr.ocr_models, device=ocr.ocr_device, cache=ocr.ocr_cache, workers=ocr.ocr_workers
    ) as reader:
        return _Measurement(settings, LineReader(reader, ocr.lines_per_chart)).run()


class _Measurement:
    """One run over the charts, with the models that lack some of them."""

    def __init__(self, settings: Settings, reader: LineReader) -> None:
        self._settings, self._reader = settings, reader
        self._charts, self._out = Charts(settings.charts), Folder(settings.out)
        self._shown = example_charts(self._charts)
        self._shared: Identity = {
            "charts": self._charts.identity,
            "num_charts": len(self._charts),
            "shards": self._charts.shards,
            "reader": reader.version,
            "lines_per_chart": reader.most,
            "method": METHOD,
        }

    def run(self) -> str:
        """Measure what is missing, write the results; what is said of them."""
        self._out.sweep()
        total = len(self._charts)
        records = [self._begun(None), *(self._begun(subject) for subject in self._settings.subjects.all())]
        missing = [record for record in records if len(record.charts) < total]
        models = {record.name: self._opened(record.subject) for record in missing}
        done = sum(len(record.charts) for record in records)
        with Progress(len(records) * total, done, "charts") as progress:
            for start in range(0, total, BLOCK_CHARTS):
                behind = [record for record in missing if len(record.charts) == start]
                if behind:
                    self._measure_block(start, behind, models)
                for record in behind:
                    self._out.put(_file_of(record.name), json.dumps(_plain(record), ensure_ascii=False).encode())
                    progress.advance(len(record.charts) - start)
        self._mend_examples(records, models)
        return write_results(self._out, self._charts, self._finished(), self._settings)

    def _begun(self, subject: Subject | None) -> Record:
        """A record with what an earlier run measured, where that was of the same model, charts and reader."""
        about: Identity = {"name": ORIGINAL, "kind": ""}
        if subject is not None:
            running = {} if subject.kind == "reference" else self._settings.running.identity()
            about = {"name": subject.name, "kind": subject.kind, "content": subject.digest(), "running": running}
        record = Record(subject=subject, identity=self._shared | about, charts=[])
        if self._out.exists(_file_of(record.name)):
            identity, charts = _read(self._out, _file_of(record.name))
            record.charts = self._still_true(record.identity, identity, charts)
            if not identity:
                print(f"{record.name}: {_file_of(record.name)} is damaged; measured anew", file=sys.stderr)
            elif charts and not record.charts:
                print(f"{record.name}: it, the charts or the reader have changed; measured anew", file=sys.stderr)
        return record

    def _still_true(self, mine: Identity, theirs: Identity, charts: list[Measured]) -> list[Measured]:
        """Of what was measured, the charts from the first that are the same by now, in whole blocks: none of another
        model or reader, all where nothing has changed or charts have only been added."""
        if any(theirs.get(name) != value for name, value in mine.items() if name not in OF_CHARTS):
            return []
        num = 0
        for shard, there in zip(theirs.get("shards", []), self._charts.shards, strict=False):
            if shard != there:
                break
            num += there[1]
        kept = charts[: min(num, len(charts))]
        if len(kept) < len(self._charts):
            kept = kept[: len(kept) // BLOCK_CHARTS * BLOCK_CHARTS]
        return kept if tuple(chart.kind for chart in kept) == self._charts.kinds[: len(kept)] else []

    def _mend_examples(self, records: Sequence[Record], models: dict[str, Autoencoder | None]) -> None:
        """Make examples again that are gone or garbled, each within its block as it was first made."""
        for record in records:
            for number, title in missing_examples(self._out, record.name, self._shown).items():
                if record.name not in models:
                    models[record.name] = self._opened(record.subject)
                model, start = models[record.name], number // BLOCK_CHARTS * BLOCK_CHARTS
                images = np.stack([chart.image for chart in self._charts.part(start, start + BLOCK_CHARTS)])
                keep_example(
                    self._out, record.name, title, (images if model is None else model(images))[number - start]
                )

    def _opened(self, subject: Subject | None) -> Autoencoder | None:
        if subject is None:
            return None
        return open_autoencoder(subject.kind, subject.path, name=subject.name, running=self._settings.running)

    def _measure_block(self, start: int, behind: Sequence[Record], models: dict[str, Autoencoder | None]) -> None:
        """Add a block of charts to the records that lack it."""
        block = self._charts.part(start, start + BLOCK_CHARTS)
        images = np.stack([chart.image for chart in block])
        originals = self._reader.read(block, list(images))
        seen, read = [], []
        for record in behind:
            model = models[record.name]
            seen.append(images if model is None else model(images))
            read.append(originals if model is None else self._reader.read(block, list(seen[-1])))
        for i, chart in enumerate(block):
            choice = Choice(chart)  # up to 65 MB: one at a time
            for record, pictures, texts in zip(behind, seen, read, strict=True):
                if title := self._shown.get(start + i):
                    keep_example(self._out, record.name, title, pictures[i])
                measured = Measured(
                    kind=chart.kind,
                    right=float(choice.credits(pictures[i]).sum(dtype=np.float64)),
                    num_targets=len(chart),
                    ned=to_original(originals[i], texts[i]),
                    ned_truth=to_truth(self._reader.truths(chart), texts[i]),
                )
                record.charts.append(measured)

    def _finished(self) -> dict[str, tuple[Identity, list[Measured]]]:
        """Every model in the folder that was measured on all of these charts by this reader, the original too."""
        found = {}
        for name in self._out.list("measured"):
            identity, charts = _read(self._out, name)
            known = identity.items() >= self._shared.items() and {"name", "kind"} <= identity.keys()
            if known and len(charts) == len(self._charts):
                found[str(identity["name"])] = (identity, charts)
        return found


def _file_of(name: str) -> str:
    return f"measured/{name}.json"


def _plain(record: Record) -> dict[str, Any]:
    return {"identity": record.identity, "charts": [asdict(chart) for chart in record.charts]}


def _read(out: Folder, name: str) -> tuple[Identity, list[Measured]]:
    """A model's file; nothing where it is garbled."""
    try:
        stored = json.loads(out.read(name))
        charts = [_measured_of(values) for values in stored["charts"]]
        return dict(stored["identity"]), charts
    except (ValueError, TypeError, KeyError):
        return {}, []


def _measured_of(values: dict[str, Any]) -> Measured:
    kind = Kind(**values["kind"])
    return Measured(
        kind=kind,
        right=float(values["right"]),
        num_targets=int(values["num_targets"]),
        ned=tuple(map(float, values["ned"])),
        ned_truth=tuple(map(float, values["ned_truth"])),
    )
