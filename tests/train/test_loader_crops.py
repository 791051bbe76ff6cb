"""The loader: where crops of text and of photos are cut, and which are mirrored."""

from collections import Counter

import cv2
import numpy as np

from pipelines.shards.codec import decode
from tests.pipelines.rendered import rendered
from tests.train.loading import MIXED, NUM_PAGES, NUM_PHOTOS, curriculum, load
from tests.train.shards import photo, photos, write
from train.feeding.corpus import Corpus


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
