"""Images of evaluations to look at: from the worst read to the best, each with its reconstructions."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.shards.folder import Folder
from train.evaluation.files import MEANS, Evaluation
from train.evaluation.measuring import Row, Sample, Samples
from train.evaluation.ned import Box
from train.evaluation.picture_files import BadPicture, Pair
from train.evaluation.side_by_side import Example, choose_view, difference

NUM_EXAMPLES = 4


def examples_of(evaluations: Sequence[Evaluation]) -> list[Example]:
    """Images evenly from the worst to the best, by the mean over the evaluations, with the reconstructions of all."""
    by_file = [{row.file: row for row in evaluation.good} for evaluation in evaluations]
    shared = [row for row in evaluations[0].good if all(row.file in rows for rows in by_file)]
    if not shared:
        return []
    neds = [evaluation.neds for evaluation in evaluations]

    def quality(row: Row) -> tuple[float, float, str]:
        read = [found[row.file] for found in neds if row.file in found]
        psnrs = [rows[row.file].figures.get("PSNR", 0.0) for rows in by_file]
        return sum(read) / len(read) if read else 2.0, sum(psnrs), row.file

    ranked = sorted(shared, key=quality)
    places = sorted({round(i * (len(ranked) - 1) / (NUM_EXAMPLES - 1)) for i in range(NUM_EXAMPLES)})
    made = (_example([rows[ranked[i].file] for rows in by_file], evaluations) for i in places)
    return [example for example in made if example is not None]


def _example(rows: Sequence[Row], evaluations: Sequence[Evaluation]) -> Example | None:
    """None where the files have gone meanwhile."""
    try:
        samples = [_load(row, evaluation) for row, evaluation in zip(rows, evaluations, strict=True)]
    except BadPicture:
        return None
    original, first = samples[0].original, samples[0].reconstruction
    pictures = {"original": original}
    if len(samples) == 1:
        pictures |= {"reconstruction": first, "difference x 4": difference(original, first)}
    else:
        pictures |= {e.name: sample.reconstruction for e, sample in zip(evaluations, samples, strict=True)}
    view = choose_view(original, samples[-1].reconstruction, _boxes(evaluations[0], rows[0].file))
    texts = _texts(rows[0].file, evaluations)
    return Example(pictures=pictures, view=view, caption=_caption(rows, evaluations), texts=texts)


def _load(row: Row, evaluation: Evaluation) -> Sample:
    made = evaluation.places["reconstructions"]
    samples = Samples(Folder(made), str(evaluation.about["preset"]), ready=made)
    original = Path(evaluation.places["originals"], row.file)
    return samples.load(Pair(original=original, reconstruction=row.reconstruction))


def _texts(file: str, evaluations: Sequence[Evaluation]) -> dict[str, str]:
    """What was read on the original, and on the reconstructions by the name of their evaluation."""
    texts: dict[str, str] = {}
    for evaluation in evaluations:
        for reading in evaluation.readings:
            if reading.file == file:
                texts |= {"original": reading.gt_text, evaluation.name: reading.rec_text}
    return texts


def _boxes(evaluation: Evaluation, file: str) -> Sequence[Box]:
    return next((reading.gt_boxes for reading in evaluation.readings if reading.file == file), ())


def _caption(rows: Sequence[Row], evaluations: Sequence[Evaluation]) -> str:
    if len(rows) == 1:
        return f"{rows[0].file}: {_figures(rows[0], evaluations[0])}"
    parts = [f"{e.name} {_figures(row, e)}" for row, e in zip(rows, evaluations, strict=True)]
    return f"{rows[0].file}: {'; '.join(parts)}"


def _figures(row: Row, evaluation: Evaluation) -> str:
    figures = {"NED": evaluation.neds[row.file]} if row.file in evaluation.neds else {}
    figures |= {name: row.figures[name] for name in MEANS if name in row.figures}
    return ", ".join(
        f"{name} {value:.2f}" if name == "PSNR" else f"{name} {value:.3f}" for name, value in figures.items()
    )
