"""evaluate.py: official figures on real folders, pairs of files, names and captions."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tests.train.torchvision_ops  # noqa: F401  (first: piq, lpips and pytorch-fid import torchvision)
from tests.train.evaluations import page, run, spoiled, write
from tests.train.random_weights import inception_state, pytorch_fid_network, vgg_state
from train.evaluation.picture_files import to_match
from train.evaluation.reading import Reader
from train.evaluation.report import places_for
from train.evaluation.settings import Subject
from train.evaluation.side_by_side import wrapped
from train.metrics import psnr, standard_error, zero_to_one
from train.teachers.perceptual import Lpips


@pytest.mark.filterwarnings("ignore")  # what the libraries compared with warn of
def test_all_figures_agree_with_the_official_evaluators_libraries(pairs: Path):
    piq = pytest.importorskip("piq")
    score = pytest.importorskip("pytorch_fid.fid_score")
    distance, _ = pytest.importorskip("rapidfuzz.distance"), pytest.importorskip("rapidocr")
    for folder in ("gt", "recon"):
        for name in ("2.png", "3.png"):
            (pairs / folder / name).unlink()
    write(pairs / "gt", "blank.png", np.full((96, 144, 3), 255, np.uint8))
    write(pairs / "recon", "blank.png", np.full((96, 144, 3), 250, np.uint8))
    write(pairs / "recon", "0.png", np.full((96, 144, 3), 250, np.uint8))  # its text is lost
    torch.save(vgg_state(), pairs / "vgg.pth")
    torch.save(inception_state(), pairs / "inception.pth")
    weights = ["--lpips-trunk", str(pairs / "vgg.pth"), "--fid-weights", str(pairs / "inception.pth")]

    results = run(pairs, *weights, "--recon", str(pairs / "recon"), metrics="psnr ssim lpips fid ned")

    names = sorted(path.name for path in (pairs / "gt").iterdir())
    a, b = (
        zero_to_one(np.stack([np.array(Image.open(pairs / folder / name).convert("RGB")) for name in names]))
        for folder in ("gt", "recon")
    )
    assert list(results)[:7] == ["num_samples", "PSNR", "SSIM", "LPIPS", "FID", "NED", "NED_samples"]
    assert results["num_samples"] == 3
    assert results["PSNR"] == pytest.approx(float(piq.psnr(a, b)), abs=6e-5)
    assert results["SSIM"] == pytest.approx(float(piq.ssim(a, b, downsample=False)), abs=6e-5)
    assert results["LPIPS"] == pytest.approx(official_lpips(pairs / "vgg.pth", a, b), abs=6e-5)
    assert results["FID"] == pytest.approx(official_fid(score, a, b), abs=1e-4)
    with Reader(cache=str(pairs / "cache")) as reader:
        texts = [reader.read([(x.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8) for x in t]) for t in (a, b)]
        assert reader.num_read == 0  # the same text as evaluate.py has read
    neds = [1 - distance.Levenshtein.distance(s, t) / max(len(s), len(t)) for s, t in zip(*texts, strict=True) if s]
    assert results["NED"] == pytest.approx(np.mean(neds), abs=6e-5)
    assert results["NED_samples"] == 2
    assert neds[0] == 0.0
    assert results["evaluation"]["NED_over_all"] == pytest.approx((sum(neds) + 1) / 3, abs=6e-5)
    assert results["evaluation"]["ocr"].startswith("rapidocr 3.")
    details = json.loads((pairs / "out" / "ned_details.json").read_bytes())
    assert details["avg_ned"] == results["NED"]
    assert (details["total_samples"], details["valid_samples"]) == (3, 2)
    assert [entry["file"] for entry in details["details"]] == names[:2]
    html = (pairs / "out" / "report.html").read_text()
    assert "NED: nothing was read on 1 originals" in html
    assert texts[0][0] in html  # what was read is shown
    assert (pairs / "out" / "side_by_side.png").exists()


def official_lpips(trunk: Path, a, b) -> float:
    """The mean over single images; that each is the package's figure is tested with the metrics."""
    lpips = Lpips.load(str(trunk))
    return float(np.mean([float(lpips(x[None] * 2 - 1, y[None] * 2 - 1)[0]) for x, y in zip(a, b, strict=True)]))


def official_fid(score, a, b) -> float:
    """pytorch-fid's features and formula. Few images span few dimensions: there the formula is as exact as it is slow
    and unsteady in all 2,048."""
    network = pytorch_fid_network(inception_state())
    with torch.inference_mode():
        features = [network(images)[0][..., 0, 0].double().numpy() for images in (a, b)]
    basis = np.linalg.svd(np.concatenate(features), full_matrices=False)[2]
    first, second = (each @ basis.T for each in features)
    return float(
        score.calculate_frechet_distance(
            first.mean(0), np.cov(first, rowvar=False), second.mean(0), np.cov(second, rowvar=False)
        )
    )


def test_a_reconstruction_of_another_size_is_brought_to_the_originals(pairs: Path):
    before = run(pairs)
    small = np.array(Image.fromarray(spoiled(page(0))).resize((100, 70), Image.Resampling.BICUBIC))
    write(pairs / "recon", "0.png", small)

    results = run(pairs, out="again")

    enlarged = np.array(Image.fromarray(small).resize((144, 96), Image.Resampling.BICUBIC))
    expected = [
        psnr(page(0)[None], enlarged[None])[0],
        *(psnr(page(n)[None], spoiled(page(n))[None])[0] for n in (1, 2, 3)),
    ]
    assert results["PSNR"] == pytest.approx(np.mean(expected), abs=6e-5)
    assert results["PSNR"] < before["PSNR"]
    assert results["evaluation"]["num_resized"] == 1
    assert "1 reconstructions had another size" in (pairs / "again" / "report.html").read_text()


def test_presets_cut_the_centre_and_leave_small_photos_out(tmp_path: Path):
    write(tmp_path / "gt", "wide.png", page(1, 300, 520))
    write(tmp_path / "gt", "exact.png", page(2, 256, 256))
    write(tmp_path / "gt", "small.png", page(3, 255, 400))

    results = run(tmp_path, "--reference", "bicubic-x2", "--preset", "general-256")

    reduced = np.array(Image.fromarray(page(1, 300, 520)).resize((444, 256), Image.Resampling.BICUBIC))[:, 94:350]
    made = np.array(Image.open(tmp_path / "out" / "reconstructions" / "wide.png"))
    expected = [psnr(reduced[None], made[None])[0]]
    expected.append(
        psnr(page(2, 256, 256)[None], np.array(Image.open(tmp_path / "out/reconstructions/exact.png"))[None])[0]
    )
    assert made.shape == (256, 256, 3)
    assert results["PSNR"] == pytest.approx(np.mean(expected), abs=6e-5)
    assert results["evaluation"]["left_out"] == {"too small for general-256": 1}
    told = "Not measured: LPIPS, FID, NED. Preset general-256 measures PSNR and SSIM, and others where --metrics names"
    assert told in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("error", "places"),
    [(10.6, 0), (1.06, 1), (0.55, 1), (0.15, 2), (0.04, 2), (0.002, 3), (1e-7, 4), (0.0, 2), (float("nan"), 2)],
)
def test_figures_have_the_decimals_that_their_standard_error_supports(error: float, places: int):
    assert places_for(error) == places


def test_the_page_of_few_images_shows_no_more_than_they_tell(pairs: Path):
    results = run(pairs)
    page_html = (pairs / "out" / "report.html").read_text()
    values = [row["figures"]["PSNR"] for row in json.loads((pairs / "out/per_image.json").read_bytes())["rows"]]
    places = places_for(standard_error(values))

    assert f"<dd>{results['PSNR']:.{places}f}</dd>" in page_html
    assert f"<td>{standard_error(values):.{places + 1}f}</td>" in page_html
    assert "Images by their figure" not in page_html
    assert "Not measured: LPIPS, FID, NED. --metrics names what is measured; LPIPS and FID take weights" in page_html


def test_a_histogram_needs_twenty_images(tmp_path: Path):
    for number in range(20):
        write(tmp_path / "gt", f"{number}.png", page(number))

    run(tmp_path, "--reference", "bicubic-x2")

    assert (tmp_path / "out" / "report.html").read_text().count("Images by their figure") == 2


def test_originals_of_one_stem_get_reconstructions_of_their_own(tmp_path: Path):
    write(tmp_path / "gt", "a.png", page(1))
    write(tmp_path / "gt", "a.bmp", page(2))

    results = run(tmp_path, "--reference", "identity")

    assert results["PSNR"] == 80.0
    assert sorted(path.name for path in (tmp_path / "out" / "reconstructions").iterdir()) == ["a.bmp.png", "a.png.png"]


def test_an_original_without_a_reconstruction_is_not_measured_by_another_s():
    originals = [Path("gt/a.jpg"), Path("gt/a.png"), Path("gt/b.jpg")]

    pairs = to_match(originals, [Path("made/a.png"), Path("made/b.png")])

    assert [pair.reconstruction for pair in pairs] == ["", "a.png", "b.png"]


def test_captions_are_shown_whole():
    said = "newspaper_zh_0f34c355e9da.png: " + "; ".join(f"model-{n} NED 0.123, PSNR 24.49" for n in range(8))
    narrow, wide = wrapped(said, 500), wrapped(said, 4000)

    assert " ".join(narrow) == said
    assert wide == [said]
    assert len(narrow) > 2
    assert "".join(wrapped("x" * 400, 256)) == "x" * 400
    assert max(map(len, wrapped("x" * 400, 256))) < 60
    assert wrapped("", 256) == []


def test_a_model_is_called_as_the_run_that_left_it():
    assert Subject(model="/runs/first/model").title == "first"
    assert Subject(model="/runs/first/averaged").title == "averaged"
    assert Subject(model="/runs/first/model", name="mine").title == "mine"
