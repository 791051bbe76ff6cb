"""The demo's page, OUT/index.html: what each step made, with its command and its own report beside it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipelines.demonstration import data_page, model_page
from pipelines.demonstration.commands import (
    ACUITY,
    CHARTS,
    COMPARE,
    COMPARED,
    CURATE,
    CURATED,
    EVALUATE,
    EVALUATED,
    MIX,
    MIXED,
    MODEL,
    REFERENCES,
    RENDER,
    RENDERED,
    RUN,
    TRAIN,
    Step,
)
from pipelines.demonstration.settings import Demo
from pipelines.demonstration.steps import Taken, total_seconds
from pipelines.report import Report

PAGE_FILE = "index.html"
TITLE = "Smallprint: small text, from the font to what an autoencoder keeps of it"
SENTENCE = (
    "Small English and Chinese text is rendered onto photographs, photographs are curated, both are mixed into one "
    "dataset; a tiny autoencoder learns from it for some minutes, and is measured by what of the text it keeps."
)
LINKS = {
    RENDER: {"Contact sheet": f"{RENDERED}/preview.png", "Dataset card": f"{RENDERED}/README.md"},
    CURATE: {"Full report of the curation": f"{CURATED}/report.html"},
    MIX: {"Dataset card": f"{MIXED}/README.md", "Statistics": f"{MIXED}/statistics.json"},
    TRAIN: {"Full report of the training": f"{RUN}/report.html"},
    EVALUATE: {"Full comparison": f"{COMPARED}/report.html"}
    | {f"Report of {name}": f"{EVALUATED}/{name}/report.html" for name in (MODEL, *REFERENCES)},
    ACUITY: {"Full report of the acuity": f"{ACUITY}/report.html", "Charts": f"{CHARTS}/README.md"},
}


def page_of(demo: Demo, steps: Sequence[Step], taken: Mapping[str, Taken]) -> str:
    """The page, of finished steps."""
    report, out = Report(TITLE, SENTENCE), demo.out
    _overview(report, steps, taken)
    shows: list[tuple[str, str, str, Callable[[], None]]] = [
        ("Rendered pages", RENDER, _RENDER, lambda: data_page.show_pages(report, f"{out}/{RENDERED}")),
        ("Curated photographs", CURATE, _CURATE, lambda: data_page.show_curation(report, f"{out}/{CURATED}")),
        ("The mix", MIX, _MIX, lambda: data_page.show_mix(report, f"{out}/{MIXED}")),
        ("Training", TRAIN, _TRAIN, lambda: model_page.show_training(report, f"{out}/{RUN}", f"{out}/{MIXED}")),
        (
            "Evaluation",
            EVALUATE,
            _EVALUATE,
            lambda: model_page.show_evaluation(report, f"{out}/{EVALUATED}", (*REFERENCES, MODEL), f"{out}/{COMPARED}"),
        ),
        ("Acuity", ACUITY, _ACUITY, lambda: model_page.show_acuity(report, f"{out}/{ACUITY}")),
    ]
    for title, part, about, show in shows:
        report.section(title)
        report.text(about)
        report.command("\n".join(step.command for step in steps if _belongs(step, part)))
        show()
        report.links({name: address for name, address in LINKS[part].items() if Path(out, address).is_file()})
    _next(report)
    return report.html()


def _overview(report: Report, steps: Sequence[Step], taken: Mapping[str, Taken]) -> None:
    found = [(step, taken[step.name]) for step in steps if step.name in taken]
    seconds, cpu_seconds = total_seconds([one for _, one in found])
    report.text(
        "Everything here was made by the commands below, from photographs and fonts that come with Python packages; "
        "none needs a network. It is small so that it is quick: it shows that all of it works and what comes out, not "
        "how good a model can become. Each part names its command, and the report that the command writes."
    )
    report.totals({"steps": len(found), "minutes": f"{seconds / 60:.1f}", "CPU minutes": f"{cpu_seconds / 60:.1f}"})
    rows = [
        [step.name, round(one.seconds), round(one.cpu_seconds), _STEPS[step.name.partition(" ")[0]]]
        for step, one in found
    ]
    report.table(["step", "seconds", "CPU seconds", "what it does"], rows, "In this order, on this machine")


def _belongs(step: Step, part: str) -> bool:
    """Whether a step's command belongs to a part of the page."""
    if part == EVALUATE:
        return step.name == COMPARE or step.name.startswith(f"{EVALUATE} ")
    return step.name in {ACUITY: (CHARTS, ACUITY)}.get(part, (part,))


def _next(report: Report) -> None:
    report.section("With your own")
    report.text(
        "The same commands take photographs and documents of yours: folders, Parquet files, WebDataset tars, PDFs. "
        "Pages of real text, kept by the rules text-rich, become a third part of the mix. On a cluster they run under "
        "Ray and write the same bytes; models for use are trained on GPUs."
    )
    report.command(_OWN)


_OWN = """python pipelines/render.py --photos PHOTOS --num-images 1000000 --out RENDERED
python pipelines/curate.py run --source PHOTOS PAPERS.pdf --out CURATED
python pipelines/mix.py --inputs RENDERED CURATED/packed/general CURATED/packed/text-rich --out MIX
torchrun --nproc-per-node 8 train/run.py --recipe f16c64 --data MIX/train --precision bf16 --out RUN"""
_RENDER = (
    "Text of 5 to 20 px on photographs, as documents of 13 kinds, every line with its exact label. Some of each size "
    "band follow, at their own pixels; below 8 px Chinese is hard to read for anyone."
)
_CURATE = (
    "Each image is measured once: sharpness, noise, enlargement, compression, duplicates, text. Rules then keep or "
    "reject it, with a reason."
)
_MIX = "One Hugging Face dataset with a configuration for each kind and size of text, and a held-out split."
_TRAIN = (
    "The recipe tiny: an autoencoder built by the rule of the large ones, at factor 8 with few channels, on crops of "
    "64 px, by L1 alone. In so little time a model learns colours and shapes, and where text stands; how much of what "
    "the text says, the figures below tell. The recipes for use see millions of crops, on GPUs."
)
_EVALUATE = (
    "Held-out pages go through the model and, to compare, through known losses; the figures are those of the "
    "benchmark's official evaluator."
)
_ACUITY = (
    "How small may a character be and still get through? Charts hold known characters of 5 to 20 px. Each that comes "
    "out is compared with its true look and with the nine characters that look most like it (forced choice), and an "
    "OCR engine reads the lines (NED). The photographs under the charts are those of the demo."
)
_STEPS = {
    RENDER: "small text onto photographs, with labels",
    CURATE: "measures photographs, keeps the good ones",
    MIX: "both as one dataset, with a held-out split",
    TRAIN: "an autoencoder on the training split",
    EVALUATE: "what held-out pages keep through the model, or through a known loss",
    COMPARE: "the evaluations side by side",
    CHARTS: "eye charts",
    ACUITY: "the smallest character that gets through",
}
