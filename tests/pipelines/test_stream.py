"""Records without files: the same as those of shards, also by torch's loader workers, however they are started."""

import json
import os
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from itertools import islice

import pytest

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


LOADER = """
import json, os, sys
from hashlib import sha256
from itertools import islice
from torch.utils.data import DataLoader
from pipelines.stream import torch_dataset
from tests.pipelines.test_stream import settings_of

if __name__ == "__main__":
    photos, index, start = sys.argv[1:]
    dataset = torch_dataset(settings_of(photos, index, "processes"))  # indexes photos in processes of its own
    loader = DataLoader(dataset, batch_size=None, num_workers=2, multiprocessing_context=start)
    items = list(islice(loader, 6))
    found = {item["id"]: [sha256(item["image"].numpy().tobytes()).hexdigest(), item["text"]] for item in items}
    print(json.dumps(found), flush=True)
    os._exit(0)  # the loader has no end, and what its workers do when they are stopped is not asked here
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_loader_workers_share_out_the_records(small_job, tmp_path, start):
    (tmp_path / "loader.py").write_text(LOADER)
    photos, index = str(small_job.photos), str(tmp_path / "index")
    command = [sys.executable, str(tmp_path / "loader.py"), photos, index, start]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    records = islice(stream(settings_of(photos, index)), 6)

    assert json.loads(done.stdout) == {
        record.id: [sha256(decode(record.image).transpose(2, 0, 1).tobytes()).hexdigest(), record.text]
        for record in records
    }


SHARE = """
import json, os, sys
from itertools import islice
from torch import distributed
from torch.utils.data import DataLoader
from pipelines.stream import torch_dataset
from tests.pipelines.test_stream import settings_of

photos, index, store, rank, num_workers = *sys.argv[1:4], *map(int, sys.argv[4:])
given = {"rank": rank, "world": 2}
if num_workers == 0:
    distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    given = {}
dataset = torch_dataset(settings_of(photos, index), first=4, **given)
loader = DataLoader(dataset, batch_size=None, num_workers=num_workers)
print(json.dumps([item["id"] for item in islice(loader, 4)]), flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("num_workers", [0, 2])
def test_ranks_share_out_the_records_from_the_first_asked_for(small_job, tmp_path, num_workers):
    photos, index = str(small_job.photos), str(tmp_path / "index")
    expected = [record.id for record in islice(stream(settings_of(photos, index), first=4), 8)]
    command = [sys.executable, "-c", SHARE, photos, index, str(tmp_path / "store")]
    ranks = [
        subprocess.Popen([*command, str(rank), str(num_workers)], cwd=ROOT, stdout=subprocess.PIPE) for rank in (0, 1)
    ]
    found = [name for rank in ranks for name in json.loads(rank.communicate()[0])]

    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(
    "given", [{"rank": 0}, {"world": 2}, {"rank": 2, "world": 2}, {"rank": -1, "world": 1}, {"first": -1}]
)
def test_a_share_that_does_not_fit_is_refused(given):
    with pytest.raises(ValueError, match=r"rank is|first is"):
        torch_dataset(Settings(), **given)


@pytest.mark.parametrize("given", [{"first": -1}, {"step": 0}, {"step": -2}])
def test_a_stream_goes_forward_from_a_record_that_there_is(given):
    with pytest.raises(ValueError, match="give at least 0 and 1"):
        next(stream(Settings(), **given))


def test_no_cluster_is_begun_where_the_photos_are_indexed(small_job, tmp_path):
    photos, index = str(small_job.photos), str(tmp_path / "index")
    open_job(settings_of(photos, index))
    code = (
        "import sys; from tests.pipelines.test_stream import settings_of, stream\n"
        f"next(stream(settings_of({photos!r}, {index!r}, 'ray')))\n"
        "sys.exit('ray' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
