"""A small scored curation: photographs, a copy of one, and a file that is no image; text columns of a plain scorer."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.curation.measurement import score
from pipelines.curation.scoretable import ScoreTable, part_of
from pipelines.curation.selecting import select
from pipelines.curation.settings import Corpus, Execution, Measures
from pipelines.runner import run
from pipelines.shards.identity import claim_folder

NUM_IMAGES = 8
SCORER = '''
import cv2
import numpy as np
import pyarrow as pa


def column(name, kind, about):
    return pa.field(name, kind, metadata={"about": about})


class Plain:
    """Sharpness as Laplacian over gradient; "text" as dark blocks of 16 px, which photographs have too."""

    schema = pa.schema(
        [
            column("clarity", pa.float32(), "sharpness; from 0; higher is sharper"),
            column("ocr_chars", pa.int32(), "characters; count; from 0"),
            column("ocr_chars_per_mpx", pa.float32(), "characters a megapixel; from 0"),
            column("ocr_text", pa.string(), "the text"),
        ]
    )
    version = "1"

    def __call__(self, pictures):
        rows = [self._measure(picture.grey.astype(np.float32)) for picture in pictures]
        return pa.RecordBatch.from_pylist(rows, schema=self.schema)

    def _measure(self, grey):
        second, first = cv2.Laplacian(grey, cv2.CV_32F), cv2.Sobel(grey, cv2.CV_32F, 1, 0)
        chars = int((cv2.resize(grey, None, fx=1 / 16, fy=1 / 16, interpolation=cv2.INTER_AREA) < 64).sum())
        density = 1e6 * chars / grey.size
        clarity = float(np.abs(second).mean() / (np.abs(first).mean() + 1))
        return {"clarity": clarity, "ocr_chars": chars, "ocr_chars_per_mpx": density, "ocr_text": "<words> & more"}
'''
RULES = """
general:
  about: Sharp <ones>.
  rules:
    - {column: "min(width_px, height_px)", at_least: 256}
    - {column: clarity, at_least: 30%}
text-rich:
  kind: text
  rules:
    - {column: ocr_chars, at_least: 5}
  weight: {column: ocr_chars_per_mpx, at: 1000}
  categories:
    - {name: rockets, where: 'matches(id, "*rocket*")', share: 0.5}
    - {name: rest, share: 0.5}
stage-256:
  rules:
    - {column: "min(width_px, height_px)", at_least: 256}
stage-512:
  extends: stage-256
  rules:
    - {column: "min(width_px, height_px)", at_least: 450}
    - {column: clarity, at_least: 20%}
"""


class Twins:
    """The duplicates of the corpus below, a row for each image."""

    schema = pa.schema([("id", pa.string()), ("duplicate_of", pa.string()), ("duplicate_kind", pa.string())])

    def __init__(self, ids: list[str], num_rows: int) -> None:
        self._ids, self._num_rows = ids, num_rows

    def num_rows(self, shard: int) -> int:
        return self._num_rows

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        for name in self._ids:
            twin = name == "1/twin.png"
            yield {
                "id": name,
                "duplicate_of": "0/chelsea.png" if twin else None,
                "duplicate_kind": "exact" if twin else None,
            }


def write_corpus(folder: Path) -> Path:
    """A copy of a photograph, and a page of the web under an image's name."""
    import skimage

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "page.jpg").write_text("<html>no image</html>")
    (folder / "twin.png").write_bytes((Path(skimage.__file__).parent / "data/chelsea.png").read_bytes())
    return folder


def make_scored(folder: Path) -> Path:
    """Score the photographs that come with scikit-image, the copy and the bad file, into folder/out."""
    scorer = folder / "plain.py"
    scorer.write_text(SCORER)
    out = folder / "out"
    corpus = Corpus(source=("builtin", str(write_corpus(folder / "corpus"))))
    execution = Execution(out=str(out), backend="inline", workers=0)
    score(corpus, Measures(scorers=("sanity", f"{scorer}:Plain"), ocr="none"), execution)
    add_duplicates(out)
    return out


def add_duplicates(out: Path) -> None:
    """Write the duplicates as the table has them."""
    from pipelines.curation.scoretable import ScoreTable

    ids = [name for batch in ScoreTable(str(out)).batches(["id"]) for name in batch.column("id").to_pylist()]
    folder = part_of(str(out), "duplicates")
    claim_folder(folder, {"of": "a test"})
    run(partial(Twins, ids, len(ids)), 1, folder.url, num_workers=0, backend="inline")


def make_selected(out: Path) -> Path:
    """Select by the rules above."""
    rules = out.parent / "rules.yaml"
    rules.write_text(RULES)
    select(ScoreTable(str(out)), str(rules))
    return out
