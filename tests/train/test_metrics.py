"""Pixel metrics, FID's algebra and network, NED and rank correlation against the libraries that others measure with."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import tests.train.torchvision_ops  # noqa: F401  (first: the libraries below import torchvision)
from pipelines.shards.seeds import rng_for
from tests.train.random_weights import inception_state, pytorch_fid_network, vgg_state
from train.evaluation.fid import frechet_distance
from train.evaluation.inception import Inception, find_weights
from train.evaluation.ned import Reading, ned_details, ned_over_all, official_ned, text_similarity
from train.metrics import mean_finite, psnr, rank_correlation, ssim, standard_error, zero_to_one
from train.teachers.perceptual import Lpips


def pictures(num: int = 3, height: int = 64, width: int = 80) -> np.ndarray:
    """Smooth pictures with some noise, uint8 (n, h, w, 3)."""
    rng = rng_for(5, "pictures", num)
    waves = np.sin(np.linspace(0, 9, height))[:, None] + np.cos(np.linspace(0, 7, width))[None, :]
    levels = 128 + 50 * waves[None, :, :, None] + rng.normal(0, 20, (num, height, width, 3))
    return levels.clip(0, 255).astype(np.uint8)


def damaged(images: np.ndarray) -> np.ndarray:
    noise = rng_for(6, "damage", len(images)).normal(0, 12, images.shape)
    return (images + noise).clip(0, 255).astype(np.uint8)


def test_psnr_and_ssim_are_those_of_piq():
    piq = pytest.importorskip("piq")
    a = pictures()
    b = damaged(a)

    assert psnr(a, b) == pytest.approx(piq.psnr(zero_to_one(a), zero_to_one(b), reduction="none").numpy(), abs=5e-5)
    assert ssim(a, b) == pytest.approx(
        piq.ssim(zero_to_one(a), zero_to_one(b), downsample=False, reduction="none").numpy(), abs=5e-5
    )


def test_ssim_of_flat_pages_is_piqs_to_the_fourth_decimal():
    piq = pytest.importorskip("piq")
    a, b = (np.full((1, 40, 50, 3), level, np.uint8) for level in (255, 250))

    assert ssim(a, b)[0] == pytest.approx(float(piq.ssim(zero_to_one(a), zero_to_one(b), downsample=False)), abs=5e-5)


def test_ssim_of_large_images_is_not_shrunk_first():
    piq = pytest.importorskip("piq")
    a = pictures(1, 600, 520)
    b = damaged(a)

    assert ssim(a, b)[0] == pytest.approx(float(piq.ssim(zero_to_one(a), zero_to_one(b), downsample=False)), abs=5e-5)
    assert abs(ssim(a, b)[0] - float(piq.ssim(zero_to_one(a), zero_to_one(b)))) > 0.01


def test_identical_images_have_80_db_and_count():
    a = pictures()

    assert psnr(a, a) == pytest.approx([80.0] * 3)
    assert ssim(a, a) == pytest.approx([1.0] * 3)


def test_arrays_and_tensors_give_the_same():
    a = pictures()
    b = damaged(a)

    assert np.array_equal(psnr(a, b), psnr(zero_to_one(a), zero_to_one(b)))
    assert np.array_equal(ssim(a, b), ssim(zero_to_one(a), zero_to_one(b)))


def test_what_cannot_be_compared_is_named():
    a = pictures()

    with pytest.raises(ValueError, match=r"images are \(3, 3, 64, 80\) and \(3, 3, 64, 70\)"):
        psnr(a, a[:, :, :70])
    with pytest.raises(ValueError, match="images are 80 x 10 px: SSIM needs at least 11"):
        ssim(a[:, :10], a[:, :10])
    with pytest.raises(ValueError, match="float64 arrays: give uint8"):
        psnr(a / 255, a / 255)


def test_rank_correlation_is_spearmans_with_ties():
    stats = pytest.importorskip("scipy.stats")
    rng = rng_for(1, "ranks", 0)
    a = rng.integers(0, 9, 40).astype(float)
    b = a + rng.normal(0, 3, 40)

    assert rank_correlation(list(a), list(b)) == pytest.approx(stats.spearmanr(a, b).statistic)
    assert rank_correlation([1, 2, 3], [9, 5, 1]) == pytest.approx(-1)
    assert math.isnan(rank_correlation([1, 2], [1, 2]))
    assert math.isnan(rank_correlation([1, 1, 1], [1, 2, 3]))


def test_means_leave_out_what_is_not_finite():
    assert mean_finite([1.0, math.inf, 3.0, math.nan]) == 2.0
    assert math.isnan(mean_finite([math.inf]))
    assert standard_error([1.0, 3.0]) == pytest.approx(1.0)
    assert math.isnan(standard_error([1.0]))


@pytest.mark.filterwarnings("ignore")  # scipy, of the argument that pytorch-fid gives
@pytest.mark.parametrize(("num_a", "num_b"), [(200, 150), (500, 300), (70, 400)])
def test_frechet_distance_is_that_of_pytorch_fid(num_a: int, num_b: int):
    score = pytest.importorskip("pytorch_fid.fid_score")
    rng = rng_for(2, "features", num_a)
    mix = rng.normal(size=(128, 128)) / 8
    a, b = rng.normal(size=(num_a, 128)) @ mix, rng.normal(0.1, 1.3, (num_b, 128)) @ mix

    theirs = score.calculate_frechet_distance(a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False))

    assert frechet_distance(a, b) == pytest.approx(theirs, abs=5e-5)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-8)


def test_the_distance_needs_two_rows():
    with pytest.raises(ValueError, match=r"features are \(1, 4\) and \(3, 4\): the distance needs two rows"):
        frechet_distance(np.zeros((1, 4)), np.zeros((3, 4)))


def test_inception_is_that_of_pytorch_fid(tmp_path: Path):
    state = inception_state()
    torch.save(state, tmp_path / "weights.pth")
    images = pictures(2, 120, 90)

    mine = Inception.load(tmp_path / "weights.pth").features(images)
    with torch.inference_mode():
        theirs = pytorch_fid_network(state)(zero_to_one(images))[0][..., 0, 0]

    assert mine.shape == (2, 2048)
    assert theirs.std() > 0.01
    assert mine.numpy() == pytest.approx(theirs.numpy(), abs=1e-5)


def test_missing_or_other_weights_of_inception_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"pt_inception-2015-12-05.*--fid-weights"):
        find_weights()

    other = tmp_path / "other.pth"
    torch.save({"fc.weight": torch.zeros(2)}, other)
    with pytest.raises(ValueError, match=r"other\.pth does not hold the weights"):
        Inception.load(other)


@pytest.mark.filterwarnings("ignore")  # torchvision, of the arguments that lpips gives
def test_lpips_is_that_of_the_package(tmp_path: Path):
    lpips = pytest.importorskip("lpips")
    state = vgg_state()
    torch.save(state, tmp_path / "trunk.pth")
    theirs = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False)
    theirs.net.load_state_dict(
        {name: state[f"features.{name.split('.', 1)[1]}"] for name in theirs.net.state_dict() if "slice" in name}
    )
    a = pictures(2)
    x, y = zero_to_one(a) * 2 - 1, zero_to_one(damaged(a)) * 2 - 1

    mine = Lpips.load(str(tmp_path / "trunk.pth"))(y, x)

    with torch.inference_mode():
        assert mine.numpy() == pytest.approx(theirs(x, y).flatten().numpy(), abs=5e-5)
    assert (mine > 0.001).all()


READINGS = [
    Reading(file="a.png", gt_text="orange", rec_text="orango"),
    Reading(file="b.png", gt_text="文字清晰", rec_text=""),
    Reading(file="c.png", gt_text="", rec_text="x"),
    Reading(file="d.png", gt_text="", rec_text=""),
]


def test_ned_is_one_less_the_distance_over_the_longer_text():
    distance = pytest.importorskip("rapidfuzz.distance")

    assert text_similarity("orange", "orango") == pytest.approx(
        1 - distance.Levenshtein.distance("orange", "orango") / 6
    )
    assert text_similarity("kitten", "sitting") == pytest.approx(1 - 3 / 7)
    assert text_similarity("A b", "ab") == pytest.approx(1 / 3)  # nothing is normalised


def test_the_official_mean_leaves_out_originals_that_read_as_nothing():
    pytest.importorskip("rapidfuzz")
    mean, num_valid = official_ned(READINGS)

    assert mean == pytest.approx((5 / 6 + 0) / 2)
    assert num_valid == 2
    assert ned_over_all(READINGS) == pytest.approx((5 / 6 + 0 + 0 + 1) / 4)
    assert math.isnan(official_ned(READINGS[2:])[0])


def test_the_details_have_the_official_keys_and_rounding():
    pytest.importorskip("rapidfuzz")
    details = ned_details(READINGS)

    assert details == {
        "avg_ned": 0.4167,
        "total_samples": 4,
        "valid_samples": 2,
        "details": [
            {"file": "a.png", "gt_text": "orange", "rec_text": "orango", "ned": 0.8333},
            {"file": "b.png", "gt_text": "文字清晰", "rec_text": "", "ned": 0.0},
        ],
    }
