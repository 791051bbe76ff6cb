"""A small benchmark of real pages: what it is built from, the builder in this process, and what it wrote."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipelines.benchmark import making
from pipelines.benchmark.settings import parse_build
from pipelines.shards.record import RECORD_SCHEMA, Record
from tests.pipelines.corpus_files import pdf

NEWS = "newspaper_5e266dfd9c498cab274e12a7b4a75755_4.jpg"
TEXTBOOK = "jiaocaineedrop_jiaocai_needrop_en_3361.jpg"
BOOK = "docstructbench_dianzishu_zhongwenzaixian-o.O-60599898.pdf_30.jpg"
NUM_PARTS = {NEWS: 8, TEXTBOOK: 6, BOOK: 3}
PAGE = "book/en_small.pdf"


def make_corpus(demo: Path, folder: Path) -> Path:
    """Three annotated pages of the demo, each with a few of its blocks, seven that are at fault in some way, one
    that nobody annotated, and a PDF."""
    images = folder / "images"
    images.mkdir()
    pages = {
        page["page_info"]["image_path"]: page for page in json.loads((demo / "OmniDocBench_demo.json").read_text())
    }
    listed: list[Any] = []
    for name, count in NUM_PARTS.items():
        shutil.copyfile(demo / "images" / name, images / name)
        blocks = [part for part in pages[name]["layout_dets"] if part["category_type"] == "text_block"]
        listed.append(pages[name] | {"layout_dets": blocks[:count]})
    listed += _faulty(listed[0], demo, images)
    shutil.copyfile(demo / "images" / NEWS, images / "unlisted.jpg")
    (folder / "annotations.json").write_text(json.dumps(listed))
    (folder / "book").mkdir()
    (folder / PAGE).write_bytes(pdf("a few words", "more words"))
    return folder


def _faulty(whole: dict[str, Any], demo: Path, images: Path) -> Iterator[Any]:
    """Pages that give nothing: annotated outside, with fields of other types, without an image, cut short."""
    beyond = [part | {"poly": [value + 5000 for value in part["poly"]]} for part in whole["layout_dets"]]
    (images / "outside.jpg").write_bytes((demo / "images" / NEWS).read_bytes())
    yield whole | {"layout_dets": beyond, "page_info": whole["page_info"] | {"image_path": "outside.jpg"}}
    odd = [{"category_type": "text_block", "poly": "none", "text": "words"}, 5]
    (images / "odd.jpg").write_bytes((demo / "images" / NEWS).read_bytes())
    yield whole | {"layout_dets": odd, "page_info": whole["page_info"] | {"image_path": "odd.jpg"}}
    data = (demo / "images" / NEWS).read_bytes()
    (images / "cut.jpg").write_bytes(data[: len(data) // 2])
    yield whole | {"page_info": whole["page_info"] | {"image_path": "cut.jpg"}}
    (images / "text.jpg").write_text("<html>404</html>")
    yield whole | {"page_info": whole["page_info"] | {"image_path": "text.jpg"}}
    yield whole | {"page_info": whole["page_info"] | {"image_path": "gone.jpg"}}
    yield whole | {"page_info": whole["page_info"] | {"image_path": "../annotations.json"}}
    yield {"layout_dets": "none"}


def flags(corpus: Path, out: Path, *more: str) -> list[str]:
    places = ["--annotations", str(corpus / "annotations.json"), "--images", str(corpus / "images")]
    return [*places, "--pages", str(corpus / "book"), "--least-share", "0", "--out", str(out), *more]


def build(corpus: Path, out: Path, *more: str) -> int:
    """Build in this process; its exit code."""
    return making.make(parse_build(flags(corpus, out, "--workers", "0", "--backend", "inline", *more)))


def samples(out: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(out.glob("data/*.parquet")) for row in pq.read_table(path).to_pylist()]


def candidates(out: Path) -> list[dict[str, Any]]:
    return pq.read_table(out / "candidates.parquet").to_pylist()  # type: ignore[no-any-return]


def summary(out: Path) -> dict[str, Any]:
    return json.loads((out / "summary.json").read_text())  # type: ignore[no-any-return]


class Training:
    """A job that packs pages as a training dataset does."""

    schema = RECORD_SCHEMA

    def __init__(self, pages: list[tuple[str, str]]) -> None:
        self._pages = pages

    def num_rows(self, shard: int) -> int:
        return len(self._pages)

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        for number, (source, text) in enumerate(self._pages):
            yield Record(
                id=str(number),
                image=b"png",
                width_px=1,
                height_px=1,
                kind="text",
                source=source,
                licence="",
                language="en",
                layout="",
                band="",
                text=text,
            ).row()
