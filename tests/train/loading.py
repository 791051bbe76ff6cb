"""Shards, stages and batches for tests of the loader."""

from pathlib import Path
from typing import Any

import torch

from tests.train.shards import noise, pages, photos, write
from train.curriculum import Curriculum, read_stages
from train.data import Batch, Loader
from train.feeding.corpus import Corpus

NUM_PAGES, NUM_PHOTOS, NUM_TEXTS = 130, 24, 20
BROKEN = {7: b"", 40: b"<html>", 41: noise(41, 64)[:-9], 100: noise(100, 64)[:400] + b"?" + noise(100, 64)[401:]}


def curriculum(**values: Any) -> Curriculum:
    """A single stage: 12 steps of 8 images in three aspects, of every kind."""
    stage = {
        "name": "only",
        "num_images": 96,
        "batch_size": 8,
        "resolution_px": 64,
        "aspects": ["1:1", "2:1", "1:2"],
        "mix": "general=0.5,text=0.25,synthetic=0.25",
    }
    if values.get("mix") == "synthetic":
        stage["aspects"] = ["1:1"]
    return Curriculum(stages=read_stages([stage | values]))


MIXED = {"aspects": ["1:1"]}


def load(corpus: Corpus, stages: Curriculum, **values: Any) -> list[Batch]:
    with Loader(corpus, stages, 0, **({"seed": 3, "num_workers": 0} | values)) as loader:
        return list(loader)


def same(one: Batch, other: Batch) -> bool:
    return (
        torch.equal(one.images, other.images)
        and one.ids.tolist() == other.ids.tolist()
        and (one.components, one.step) == (other.components, other.step)
    )


def write_folders(folder: Path) -> dict[str, str]:
    """Shards of pages (64 px), of photographs and of photographed text."""
    jobs = {
        "pages": pages(NUM_PAGES),
        "photos": photos(NUM_PHOTOS),
        "texts": photos(NUM_TEXTS, kind="text"),
        "broken": pages(NUM_PAGES, instead=BROKEN),
        "weighted": pages(60, weight=lambda number: (0.25, 0.5, 1.0, 2.25)[number % 4]),
    }
    return {name: write(job, folder / name) for name, job in jobs.items()}
