"""The loader: the same images whoever asks, every row once, exact resume, broken rows counted and replaced."""

import re
import shutil
import threading
import traceback
from collections import Counter
from contextlib import nullcontext
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from pipelines.shards.codec import decode
from pipelines.shards.folder import Folder
from tests.pipelines.rendered import rendered
from tests.train.shards import noise, pages, photo, photos, write
from train.curriculum import Curriculum, read_stages
from train.data import Batch, GroupCache, Inline, Loader
from train.feeding import parquet
from train.feeding.corpus import Corpus

NUM_PAGES, NUM_PHOTOS, NUM_TEXTS = 130, 24, 20
BROKEN = {7: b"", 40: b"<html>", 41: noise(41, 64)[:-9], 100: noise(100, 64)[:400] + b"?" + noise(100, 64)[401:]}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Shards of pages (64 px), of photographs and of photographed text; not to be changed."""
    jobs = {
        "pages": pages(NUM_PAGES),
        "photos": photos(NUM_PHOTOS),
        "texts": photos(NUM_TEXTS, kind="text"),
        "broken": pages(NUM_PAGES, instead=BROKEN),
        "weighted": pages(60, weight=lambda number: (0.25, 0.5, 1.0, 2.25)[number % 4]),
    }
    return {name: write(job, tmp_path_factory.mktemp(name)) for name, job in jobs.items()}


@pytest.fixture(scope="module")
def corpus(folders: dict[str, str]) -> Corpus:
    return Corpus.of([folders["pages"], folders["photos"], folders["texts"]])


@pytest.fixture(scope="module")
def only_pages(folders: dict[str, str]) -> Corpus:
    return Corpus.of([folders["pages"]])


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


def test_a_batch_is_what_it_says(corpus):
    stages = curriculum(resolution_px=32, aspects=["1:1", "3:1"])
    batches = load(corpus, stages)

    assert [batch.step for batch in batches] == list(range(12))
    assert {tuple(batch.images.shape) for batch in batches} == {(8, 3, 32, 32), (8, 3, 32, 64)}
    assert {batch.images.dtype for batch in batches} == {torch.uint8}
    for batch in batches:
        assert batch.images.is_contiguous()
        for row, component in zip(batch.ids.tolist(), batch.components, strict=True):
            assert corpus.matches(component)[row]


def test_every_row_once_an_epoch_and_no_other(only_pages):
    batches = load(only_pages, curriculum(mix="synthetic", num_images=390, batch_size=10))
    ids = [row for batch in batches for row in batch.ids.tolist()]
    epochs = [ids[start : start + NUM_PAGES] for start in range(0, 390, NUM_PAGES)]

    assert [sorted(epoch) for epoch in epochs] == [list(range(NUM_PAGES))] * 3
    assert len({tuple(epoch) for epoch in epochs}) == 3
    neighbours = sum(abs(one - two) == 1 for one, two in pairwise(ids))
    assert neighbours < 0.1 * len(ids)


def test_an_image_comes_once_an_epoch_over_all_crops_that_it_fits(corpus):
    stages = curriculum(num_images=192, resolution_px=32, aspects=["1:1", "3:1", "1:3"], mix="general")
    batches = load(corpus, stages)
    ids = [row for batch in batches for row in batch.ids.tolist()]

    assert len({batch.images.shape for batch in batches}) == 3
    assert Counter(Counter(ids).values()) == {192 // NUM_PHOTOS: NUM_PHOTOS}


def test_weights_are_kept_within_one_of_any_number_of_epochs(folders):
    heavy = Corpus.of([folders["weighted"]])
    batches = load(heavy, curriculum(mix="synthetic", num_images=600, batch_size=10))
    counts = Counter(row for batch in batches for row in batch.ids.tolist())

    assert sum(counts.values()) == 600
    for row in range(60):
        assert abs(counts[row] - 10 * (0.25, 0.5, 1.0, 2.25)[row % 4]) <= 1.5


@pytest.mark.parametrize(
    ("mix", "counts"),
    [
        ("general=0.5,text=0.25,synthetic=0.25", {"general": 4, "text": 2, "synthetic": 2}),
        ("general=2,synthetic-5-7=1,synthetic-14-20=1", {"general": 4, "synthetic-5-7": 2, "synthetic-14-20": 2}),
    ],
)
def test_the_mix_is_exact_in_every_step(corpus, mix, counts):
    batches = load(corpus, curriculum(mix=mix, **MIXED))

    assert [Counter(batch.components) for batch in batches] == [counts] * 12
    assert len({batch.components for batch in batches}) > 6


def test_a_mix_that_does_not_come_out_even_is_within_one_and_right_on_average(only_pages):
    mix = "synthetic-5-7=0.7,synthetic-7-10=0.3"
    batches = load(only_pages, curriculum(mix=mix, num_images=1600, resolution_px=32, **MIXED))
    counts = [Counter(batch.components)["synthetic-7-10"] for batch in batches]

    assert set(counts) == {2, 3}
    assert sum(counts) == pytest.approx(480, abs=15)


@pytest.mark.parametrize("num_ranks", [2, 4])
def test_ranks_share_out_the_batch_of_one(corpus, num_ranks):
    stages = curriculum(**MIXED)
    whole = load(corpus, stages)
    shares = [load(corpus, stages, rank=rank, num_ranks=num_ranks) for rank in range(num_ranks)]

    for step, batch in enumerate(whole):
        parts = [share[step] for share in shares]
        assert torch.equal(torch.cat([part.images for part in parts]), batch.images)
        assert np.concatenate([part.ids for part in parts]).tolist() == batch.ids.tolist()
        assert sum((part.components for part in parts), ()) == batch.components


def test_resume_is_exact_with_any_number_of_workers_and_ranks(corpus):
    stages = curriculum(**MIXED)
    whole = load(corpus, stages, num_workers=2)
    with Loader(corpus, stages, 0, seed=3, num_workers=2) as loader:
        first = list(islice(loader, 5))
        state = loader.state

    assert state["step"] == 5
    assert all(map(same, first, whole[:5]))
    for num_workers in (0, 1, 2):
        rest = load(corpus, stages, num_workers=num_workers, state=state)
        assert len(rest) == 7
        assert all(map(same, rest, whole[5:]))
    half = load(corpus, stages, rank=1, num_ranks=2, state=state)
    assert all(torch.equal(part.images, batch.images[4:]) for part, batch in zip(half, whole[5:], strict=True))


def test_the_state_is_of_the_batches_handed_out_not_of_those_read_ahead(corpus):
    stages = curriculum(**MIXED)
    with Loader(corpus, stages, 0, seed=3, num_workers=2) as ahead, Loader(corpus, stages, 0, seed=3) as plain:
        for _ in range(4):
            next(ahead)
            next(plain)
            assert ahead.state == plain.state
    assert ahead.state["positions"] == {"general 64x64": 16, "text 64x64": 8, "synthetic 64x64": 8}


def test_seeds_and_stages_see_other_images(only_pages):
    stage = {"num_images": 40, "batch_size": 8, "resolution_px": 64, "mix": "synthetic"}
    stages = Curriculum(stages=read_stages([stage | {"name": name} for name in "ab"]))

    def ids(seed: int, index: int) -> list[int]:
        with Loader(only_pages, stages, index, seed=seed, num_workers=0) as loader:
            return [row for batch in loader for row in batch.ids.tolist()]

    assert ids(3, 0) == ids(3, 0)
    assert len({tuple(ids(seed, index)) for seed in (3, 4) for index in (0, 1)}) == 4


def test_another_corpus_stage_or_seed_does_not_go_on(corpus, only_pages):
    stages = curriculum(mix="synthetic")
    with Loader(only_pages, stages, 0, seed=3, num_workers=0) as loader:
        next(loader)
        state = loader.state

    with pytest.raises(ValueError, match=r"the loader's corpus was .* and is .* now: go back to the same data"):
        Loader(corpus, stages, 0, seed=3, state=state)
    with pytest.raises(ValueError, match=r"the loader's seed was 3 and is 4 now"):
        Loader(only_pages, stages, 0, seed=4, state=state)
    with pytest.raises(ValueError, match=r"the loader's positions was \['synthetic 64x64'\] and is"):
        Loader(only_pages, curriculum(mix="synthetic", resolution_px=32), 0, seed=3, state=state)


def test_broken_rows_are_counted_named_and_replaced_by_the_next(folders, only_pages):
    broken = Corpus.of([folders["broken"]])
    stages = curriculum(mix="synthetic", num_images=130, batch_size=10)
    whole = [row for batch in load(only_pages, stages) for row in batch.ids.tolist()]
    with Loader(broken, stages, 0, seed=3, num_workers=2) as loader:
        found = list(loader)
    ids = [row for batch in found for row in batch.ids.tolist()]
    causes = {name.removeprefix(f"{folders['broken']}/data/"): count for name, count in loader.faults.items()}

    assert causes == {
        "000000.parquet#7: no bytes": 1,
        "000001.parquet#10: no image that can be read": 1,
        "000001.parquet#11: truncated": 1,
        "000003.parquet#10: damaged": 1,
    }
    assert len(ids) == 130
    assert not set(ids) & set(BROKEN)
    assert sum(one != two for one, two in zip(whole, ids, strict=True)) == len(BROKEN)
    pixels = {row: decode(noise(row, 64)) for row in ids}
    for batch in found:
        for image, row in zip(batch.images, batch.ids.tolist(), strict=True):
            assert np.array_equal(image.numpy(), pixels[row].transpose(2, 0, 1))


def test_a_replacement_does_not_depend_on_ranks_or_workers(folders):
    broken = Corpus.of([folders["broken"]])
    stages = curriculum(mix="synthetic", num_images=130, batch_size=10)
    whole = load(broken, stages, num_workers=2)
    shares = [load(broken, stages, rank=rank, num_ranks=2) for rank in (0, 1)]

    for one, two, batch in zip(*shares, whole, strict=True):
        assert torch.equal(torch.cat([one.images, two.images]), batch.images)


def test_rows_without_end_that_cannot_be_used_stop_the_run(tmp_path):
    corpus = Corpus.of([write(pages(40, instead=dict.fromkeys(range(40), b"?")), tmp_path / "set")])

    with pytest.raises(
        ValueError, match=r"stage 'only': of 'synthetic' 64 rows one after the other cannot be used, 0 of .*#"
    ):
        load(corpus, curriculum(mix="synthetic"))


def test_a_crop_that_no_image_holds_is_refused(corpus, only_pages):
    with pytest.raises(
        ValueError,
        match=r"stage 'only': 'synthetic' has a share in mix, but no image of its 130 holds a crop of 96x96 px \(the "
        r"largest is 64x64\): add larger images, lower resolution_px",
    ):
        Loader(corpus, curriculum(resolution_px=96, **MIXED), 0, seed=3)
    with pytest.raises(ValueError, match=r"no image in the data, which holds synthetic \(130\).*take it out of mix"):
        Loader(only_pages, curriculum(**MIXED), 0, seed=3)


def test_a_later_stage_that_lacks_images_is_refused_at_the_start(only_pages):
    stage = {"num_images": 8, "batch_size": 8, "mix": "synthetic"}
    sides = {"small": 32, "same": 64, "large": 96}
    stages = Curriculum(
        stages=read_stages([stage | {"name": name, "resolution_px": side_px} for name, side_px in sides.items()])
    )

    with pytest.raises(ValueError, match=r"stage 'large': 'synthetic' has .* holds a crop of 96x96 px"):
        Loader(only_pages, stages, 0, seed=3)


def test_a_later_stage_whose_batch_does_not_part_evenly_is_refused_at_the_start(only_pages):
    stage = {"num_images": 24, "mix": "synthetic", "resolution_px": 32}
    sizes = {"even": 6, "odd": 8}
    stages = Curriculum(stages=read_stages([stage | {"name": name, "batch_size": n} for name, n in sizes.items()]))

    with pytest.raises(ValueError, match="stage 'odd': batch_size is 8 on 3 ranks"):
        Loader(only_pages, stages, 0, seed=3, num_ranks=3)


def test_optional_components_may_be_lacking(only_pages):
    stages = curriculum(mix="general=0.75,synthetic=0.25", optional=["general"], **MIXED)
    with Loader(only_pages, stages, 0, seed=3, num_workers=0) as loader:
        batches = list(loader)

    assert loader.left_out == ("general",)
    assert {name for batch in batches for name in batch.components} == {"synthetic"}


def test_a_batch_must_part_evenly(corpus):
    with pytest.raises(ValueError, match=r"batch_size is 8 on 3 ranks .*make it a multiple of the number of ranks"):
        Loader(corpus, curriculum(**MIXED), 0, seed=3, num_ranks=3)


def test_images_of_unknown_size_that_are_too_small_are_replaced(folders, tmp_path):
    images = [noise(number, 48 if number % 3 == 0 else 96) for number in range(12)]
    pq.write_table(pa.table({"image": images}), tmp_path / "plain.parquet")
    corpus = Corpus.of([f"{tmp_path}=synthetic"])
    with Loader(corpus, curriculum(mix="synthetic", num_images=24), 0, seed=3, num_workers=1) as loader:
        ids = {row for batch in loader for row in batch.ids.tolist()}

    assert ids == {number for number in range(12) if number % 3}
    assert {name.partition("#")[2] for name in loader.faults} == {
        f"{number}: 48x48 px: smaller than a crop of 64x64" for number in (0, 3, 6, 9)
    }
    assert min(loader.faults.values()) == 2  # once an epoch, more where it follows another


def test_text_is_cut_at_its_own_resolution_and_photos_cover_the_crop(corpus):
    seen: Counter[str] = Counter()
    for batch in load(corpus, curriculum(num_images=48, **MIXED, mix="general=0.5,text=0.5")):
        for image, row, component in zip(batch.images, batch.ids.tolist(), batch.components, strict=True):
            found = image.numpy().transpose(1, 2, 0)
            seen[component] += 1
            if component == "text":
                assert lies_in(found, decode(photo(row - NUM_PAGES - NUM_PHOTOS)))
            else:
                assert distance_to_covering(found, decode(photo(row - NUM_PAGES))) < 6

    assert seen == {"text": 24, "general": 24}


def lies_in(part: np.ndarray, whole: np.ndarray) -> bool:
    """Whether a crop is a part of an image, pixel by pixel."""
    height_px, width_px = part.shape[:2]
    room = (whole.shape[0] - height_px + 1, whole.shape[1] - width_px + 1)
    tops, lefts = (places.ravel() for places in np.indices(room))
    for y, x in np.random.default_rng(0).integers(0, (height_px, width_px), (100, 2)).tolist():
        alike = (whole[tops + y, lefts + x] == part[y, x]).all(axis=1)
        tops, lefts = tops[alike], lefts[alike]
    places = zip(tops.tolist()[:50], lefts.tolist()[:50], strict=True)
    return any(np.array_equal(whole[y : y + height_px, x : x + width_px], part) for y, x in places)


def distance_to_covering(part: np.ndarray, whole: np.ndarray) -> float:
    """The least mean difference, in levels, between a square crop, mirrored or not, and a place in the image resized
    to just cover it."""
    side_px = len(part)
    scale = side_px / min(whole.shape[:2])
    small = cv2.resize(whole, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    places = [(y, x) for y in range(small.shape[0] - side_px + 1) for x in range(small.shape[1] - side_px + 1)]
    return min(
        float(np.abs(small[y : y + side_px, x : x + side_px] - turned).mean())
        for y, x in places
        for turned in (part, part[:, ::-1])
    )


def test_photos_are_mirrored_half_the_time_and_text_never(folders, tmp_path):
    with_text = Corpus.of([write(photos(24, text_area=lambda number: 0.1), tmp_path / "set")])
    plain = Corpus.of([folders["photos"]])
    stages = curriculum(mix="general", num_images=48, native_general=True, **MIXED)

    def mirrored(corpus: Corpus) -> int:
        count = 0
        for batch in load(corpus, stages):
            for image, row in zip(batch.images, batch.ids.tolist(), strict=True):
                count += not lies_in(image.numpy().transpose(1, 2, 0), decode(photo(row)))
        return count

    assert mirrored(with_text) == 0
    assert 12 < mirrored(plain) < 36


def test_real_pages_and_photos(data, tmp_path):
    files = sorted((data / "natural").rglob("*.jpg"))[:6]
    job = photos(6)
    real = type(job)(num_images=6, image=lambda number: files[number].read_bytes(), kind="general")
    corpus = Corpus.of([str(rendered()), write(real, tmp_path / "set")])
    stages = curriculum(mix="general=0.5,synthetic=0.5", num_images=16, resolution_px=96, **MIXED)
    batches = load(corpus, stages, num_workers=2)

    assert [tuple(batch.images.shape) for batch in batches] == [(8, 3, 96, 96)] * 2
    assert all(image.float().std() > 2 for batch in batches for image in batch.images)


def test_threads_end_with_the_loader(corpus):
    before = threading.active_count()
    with Loader(corpus, curriculum(**MIXED), 0, seed=3, num_workers=2) as loader:
        next(loader)
        assert threading.active_count() > before

    assert threading.active_count() == before


def test_a_row_group_is_read_once_however_many_ask():
    read: list[int] = []

    def reading(group: int) -> int:
        read.append(group)
        return group

    cache = GroupCache(reading, 2, Inline())

    assert [cache.get(group).result() for group in (1, 2, 1, 2, 3, 1)] == [1, 2, 1, 2, 3, 1]
    assert read == [1, 2, 3, 1]


def test_an_epoch_reads_each_row_group_about_once(folders, monkeypatch):
    corpus = Corpus.of([folders["pages"]])
    read: Counter[int] = Counter()
    whole = Corpus.read_group
    monkeypatch.setattr(Corpus, "read_group", lambda self, group: read.update([group]) or whole(self, group))
    load(corpus, curriculum(mix="synthetic", num_images=NUM_PAGES * 2, batch_size=10))

    assert read == dict.fromkeys(range(corpus.num_groups), 1)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_row_group_that_is_damaged_later_is_counted_and_stood_in_for(folders, tmp_path, num_workers):
    copy = Path(shutil.copytree(folders["pages"], tmp_path / "copy"))
    corpus = Corpus.of([str(copy)])
    damaged = set(np.flatnonzero(corpus.group_places[corpus.groups_of(np.arange(len(corpus))), 0] == 2).tolist())
    (copy / "data/000002.parquet").write_bytes(b"PAR1")

    with Loader(corpus, curriculum(mix="synthetic", num_images=136), 0, seed=3, num_workers=num_workers) as loader:
        seen = [row for batch in loader for row in batch.ids.tolist()]

    assert len(seen) == 136
    assert not damaged & set(seen)
    assert set(loader.faults) == {fault for fault in loader.faults if re.search(
        r"data/000002\.parquet#\d+: row group 0 cannot be read .*give the command", fault)}  # fmt: skip
    assert len(loader.faults) == len(damaged) > 0


def test_a_damaged_row_group_leaves_no_trail_of_frames(folders, tmp_path):
    copy = Path(shutil.copytree(folders["pages"], tmp_path / "copy"))
    corpus = Corpus.of([str(copy)])
    (copy / "data/000002.parquet").write_bytes(b"PAR1")
    with Loader(corpus, curriculum(mix="synthetic", num_images=272), 0, seed=3, num_workers=0) as loader:
        assert sum(len(batch.ids) for batch in loader) == 272
        [kept] = {read.exception() for read in loader._groups._kept.values()} - {None}

    assert len(list(traceback.walk_tb(kept.__traceback__))) < 10


class StoreError(Exception):
    """As botocore's: no OSError."""


@pytest.mark.parametrize("error", [TimeoutError("it does not answer"), StoreError("it does not answer")])
@pytest.mark.parametrize(("num_failures", "is_read"), [(2, True), (3, False)])
def test_a_store_that_fails_now_and_then_is_asked_again(folders, monkeypatch, num_failures, is_read, error):
    corpus, opened, tries = Corpus.of([folders["pages"]]), Folder.open, []

    def open_later(folder, name):
        tries.append(name)
        if len(tries) <= num_failures:
            raise error
        return opened(folder, name)

    monkeypatch.setattr(Folder, "open", open_later)
    monkeypatch.setattr(parquet, "PAUSES_S", (0, 0))

    with nullcontext() if is_read else pytest.raises(OSError, match="does not answer"):
        assert all(corpus.read([0, 1]))
    assert len(tries) == 3


def test_few_images_of_unknown_size_that_hold_a_crop_are_found_among_many_that_do_not(tmp_path):
    images = [noise(number, 40 if number % 150 else 96) for number in range(300)]
    pq.write_table(pa.table({"image": images}), tmp_path / "plain.parquet")
    corpus = Corpus.of([f"{tmp_path}=synthetic"])

    batches = load(corpus, curriculum(mix="synthetic", resolution_px=64, num_images=16))

    assert sum(len(batch.ids) for batch in batches) == 16
    assert {row % 150 for batch in batches for row in batch.ids.tolist()} == {0}
