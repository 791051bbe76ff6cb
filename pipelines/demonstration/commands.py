"""The commands of the demo, in order, as a user types them."""

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from pipelines.demonstration.settings import RECIPE_CROPS, Demo

ROOT = Path(__file__).resolve().parents[2]
RENDER, CURATE, MIX, TRAIN, EVALUATE, COMPARE = "render", "curate", "mix", "train", "evaluate", "compare"  # steps
CHARTS, ACUITY = "charts", "acuity"
RENDERED, CORPUS, CURATED, MIXED, RUN, HELD_OUT = "rendered", "corpus", "curated", "mix", "run", "held-out"  # folders
EVALUATED, COMPARED = "evaluated", "evaluated/compared"
MODEL, REFERENCES = "tiny", ("identity", "bicubic-x2", "bicubic-x4")
COMPARED_ONES = (MODEL, *REFERENCES[1:])  # side by side; identity looks like the original
NUM_EVALS = 4  # while training, the last at its end

# Words in braces are filled in; each word stays one argument, whatever is in it.
_TEMPLATES = {
    RENDER: "pipelines/render.py --recipe demo --num-images {num_images} --images-per-shard 40 --backend processes "
    "--out {out}/rendered",
    CURATE: "pipelines/curate.py run --source {out}/corpus --rules {rules} --backend processes --out {out}/curated",
    MIX: "pipelines/mix.py --inputs {out}/rendered {out}/curated/packed/general --ratios all --test-share 0.36 "
    "--backend processes --out {out}/mix",
    TRAIN: "train/run.py --recipe tiny --scale {scale} --data {out}/mix/train --held-out {out}/mix/test "
    "--eval-images {eval_images} --log-steps 5 --threads 1 --out {out}/run",
    f"{EVALUATE} {MODEL}": "train/evaluate.py --gt {out}/held-out --model {out}/run/model --name tiny "
    "--ocr-cache {out}/ocr --out {out}/evaluated/tiny",
    **{
        f"{EVALUATE} {name}": f"train/evaluate.py --gt {{out}}/held-out --reference {name} --ocr-cache {{out}}/ocr "
        f"--out {{out}}/evaluated/{name}"
        for name in REFERENCES
    },
    COMPARE: "train/evaluate.py compare "
    + " ".join(f"{{out}}/evaluated/{name}" for name in COMPARED_ONES)
    + " --out {out}/evaluated/compared",
    CHARTS: "pipelines/acuity.py --grounds photo --contrasts dark --charts-per-cell 1 --charts-per-shard 16 "
    "--backend processes --out {out}/charts",
    ACUITY: f"train/acuity.py --charts {{out}}/charts --models tiny={{out}}/run/model --references "
    f"{' '.join(REFERENCES)} --lines-per-chart 2 --ocr-cache {{out}}/ocr --out {{out}}/acuity",
}
_MAKES = {
    RENDER: f"{RENDERED}/summary.json",
    CURATE: f"{CURATED}/report.html",
    MIX: f"{MIXED}/statistics.json",
    TRAIN: f"{RUN}/model/model.safetensors",
    **{f"{EVALUATE} {name}": f"{EVALUATED}/{name}/report.html" for name in (MODEL, *REFERENCES)},
    COMPARE: f"{COMPARED}/report.html",
    CHARTS: f"{CHARTS}/README.md",
    ACUITY: f"{ACUITY}/report.html",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command. `makes`: a file in OUT that is there once it is done."""

    name: str
    argv: tuple[str, ...]
    makes: str

    @property
    def command(self) -> str:
        """As a user types it."""
        return shlex.join(self.argv)


def steps_of(demo: Demo) -> list[Step]:
    """All steps in order. `curate` reads OUT/corpus and `evaluate` OUT/held-out, which no step makes."""
    values = {
        "out": demo.out,
        "num_images": demo.num_images,
        "rules": _short(ROOT / "pipelines/rules/demo.yaml"),
        "scale": f"{demo.num_crops / RECIPE_CROPS:g}",
        "eval_images": demo.num_crops // NUM_EVALS,
    }
    workers = () if demo.workers < 0 else ("--workers", str(demo.workers))
    steps = []
    for name, template in _TEMPLATES.items():
        script, *args = (word.format(**values) for word in template.split())
        more = workers if "--backend" in args else ()
        argv = (_short(Path(sys.executable)), _short(ROOT / script), *args, *more)
        steps.append(Step(name=name, argv=argv, makes=_MAKES[name]))
    return steps


def _short(path: Path) -> str:
    """A path from the working directory where it lies in there."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
