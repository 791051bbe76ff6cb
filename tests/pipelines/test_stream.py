"""Records without files: the same as those of shards, also by torch's loader workers, however they are started."""

import subprocess
import sys
from collections import Counter
from itertools import islice

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from pipelines.dataset import open_job
from pipelines.settings import Execution, Inputs, Settings
from pipelines.shards.codec import decode
from pipelines.stream import stream, torch_dataset
from render.recipe import Recipe
from tests.pipelines.small_job import ROOT


def settings_of(photos: str, index: str, backend: str = "inline") -> Settings:
    execution = Execution(photo_index=index, backend=backend)
    return Settings(recipe=Recipe(image_size=("128",)), inputs=Inputs(photos=(photos,), seed=3), execution=execution)


def test_the_stream_gives_the_records_of_a_job(small_job, tmp_path):
    settings = settings_of(str(small_job.photos), str(tmp_path / "index"))
    job = open_job(settings)

    streamed = islice(stream(settings, first=1, step=2), 3)

    for i, record in zip((1, 3, 5), streamed, strict=True):
        stored = job.record(i, Counter())
        assert (record.id, record.image, record.scene) == (stored.id, stored.image, stored.scene)


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_loader_workers_share_out_the_records(small_job, tmp_path, start):
    settings = settings_of(str(small_job.photos), str(tmp_path / "index"), "processes")
    dataset = torch_dataset(settings)  # indexes the photos in processes of its own, which loader workers may not have
    loader = DataLoader(dataset, batch_size=None, num_workers=2, multiprocessing_context=start)
    found = {item["id"]: item for item in islice(loader, 6)}
    records = {record.id: record for record in islice(stream(settings), 6)}

    assert found.keys() == records.keys()
    for name, item in found.items():
        assert item["image"].dtype == torch.uint8
        assert np.array_equal(item["image"].permute(1, 2, 0).numpy(), decode(records[name].image))
        assert item["text"] == records[name].text


def test_no_cluster_is_begun_where_the_photos_are_indexed(small_job, tmp_path):
    photos, index = str(small_job.photos), str(tmp_path / "index")
    open_job(settings_of(photos, index))
    code = (
        "import sys; from tests.pipelines.test_stream import settings_of, stream\n"
        f"next(stream(settings_of({photos!r}, {index!r}, 'ray')))\n"
        "sys.exit('ray' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
