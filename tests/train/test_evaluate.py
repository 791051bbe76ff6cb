"""evaluate.py: official figures and files on real folders, bad input, resuming a killed run, comparing."""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

import tests.train.torchvision_ops  # noqa: F401  (first: piq, lpips and pytorch-fid import torchvision)
from tests.train.evaluations import page, run, spoiled, write
from tests.train.random_weights import inception_state, pytorch_fid_network, vgg_state
from train.evaluation.evaluating import main
from train.evaluation.picture_files import to_match
from train.evaluation.reading import Reader
from train.evaluation.settings import Subject
from train.evaluation.side_by_side import wrapped
from train.metrics import psnr, unit
from train.teachers.perceptual import Lpips

ROOT = Path(__file__).parents[2]
PAUSING = """
import os, time
FACTOR = 1
calls = []
def encode(x):
    calls.append(x.shape)
    if len(calls) > 1:
        time.sleep(float(os.environ.get("PAUSE_SEC", 0)))
    return x
def decode(z):
    return z * 0.9
"""


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """gt/ and recon/ with four pairs."""
    for number in range(4):
        write(tmp_path / "gt", f"{number}.png", page(number))
        write(tmp_path / "recon", f"{number}.png", spoiled(page(number)))
    return tmp_path


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
        unit(np.stack([np.array(Image.open(pairs / folder / name).convert("RGB")) for name in names]))
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


def test_bad_files_are_left_out_counted_and_named(pairs: Path, capsys: pytest.CaptureFixture[str]):
    (pairs / "gt" / "1.png").write_bytes(b"no image at all")
    whole = (pairs / "gt" / "2.png").read_bytes()
    (pairs / "gt" / "2.png").write_bytes(whole[: len(whole) // 2])
    (pairs / "gt" / "notes.txt").write_text("not looked at")
    (pairs / "gt" / "below").mkdir()
    write(pairs / "gt" / "below", "deep.png", page(0))
    for name, rgb in (("tiny", page(5, 12, 40)), ("alone", page(6)), ("bad", page(7)), ("grey", page(8))):
        write(pairs / "gt", f"{name}.jpg", rgb)
    (pairs / "gt" / "bomb.png").write_bytes(bomb())
    (pairs / "recon" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    write(pairs / "recon", "grey.webp", cv2.cvtColor(page(8), cv2.COLOR_RGB2GRAY))

    results = run(pairs)

    assert results["num_samples"] == 3
    assert results["evaluation"]["left_out"] == {
        "not an image": 1,
        "damaged": 1,
        "too small": 1,
        "reconstruction missing": 1,
        "reconstruction not an image": 1,
        "too many pixels": 1,
    }
    told = capsys.readouterr().err
    assert "6 of 9 images are left out" in told
    assert "1.png: not an image" in told
    page_html = (pairs / "out" / "report.html").read_text()
    assert "alone.jpg" in page_html
    assert "too many pixels: 13000 x 10000, of 128,000,000 allowed" in page_html


def bomb() -> bytes:
    """A small PNG file whose header says 130 megapixels."""
    header = struct.pack(">IIBBBBB", 13_000, 10_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: shutil.rmtree(folder / "gt"), "gt is no folder: name one of images"),
        (lambda folder: [path.unlink() for path in (folder / "gt").iterdir()], "gt holds no file that ends in .png"),
        (
            lambda folder: [path.rename(path.with_name(f"x{path.name}")) for path in (folder / "recon").iterdir()],
            "named as one",
        ),
        (
            lambda folder: [path.write_bytes(b"x") for path in (folder / "gt").iterdir()],
            "no image can be measured:\n  0.png: not",
        ),
    ],
)
def test_nothing_to_measure_is_told(pairs: Path, change, message: str, capsys: pytest.CaptureFixture[str]):
    change(pairs)

    args = [
        "--gt",
        str(pairs / "gt"),
        "--recon",
        str(pairs / "recon"),
        "--out",
        str(pairs / "out"),
        "--metrics",
        "psnr",
    ]
    assert main(args) == 1
    assert message in capsys.readouterr().err


def test_flags_that_do_not_fit_are_told(
    pairs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    args = ["--gt", str(pairs / "gt"), "--recon", str(pairs / "recon"), "--out", str(pairs / "out")]
    for wrong, message in (
        (["--reference", "identity"], "2 things to evaluate are given"),
        (["--metrics", "psnr", "mse"], "metrics has 'mse'"),
        (["--preset", "general-2k"], "preset is 'general-2k'"),
        (["--ocr-workers", "-3"], "ocr_workers is -3"),
    ):
        with pytest.raises(SystemExit):
            main([*args, *wrong])
        printed = capsys.readouterr()
        assert message in " ".join((printed.err + printed.out).replace("│", " ").split())

    assert main([*args[:4], "--out", str(pairs / "gt")]) == 1
    assert "--out is the folder of --gt" in capsys.readouterr().err
    monkeypatch.setenv("TORCH_HOME", str(pairs / "empty"))
    for metric, flag in (("lpips", "--lpips-trunk"), ("fid", "--fid-weights")):
        assert main([*args, "--metrics", metric]) == 1
        assert flag in capsys.readouterr().err
    assert main([*args, "--metrics", "ned", "--ocr", "tesseract"]) == 1
    assert "no OCR engine is called 'tesseract'" in capsys.readouterr().err


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


def test_a_folder_keeps_to_one_evaluation(pairs: Path, capsys: pytest.CaptureFixture[str]):
    run(pairs)
    args = ["--gt", str(pairs / "gt"), "--out", str(pairs / "out"), "--metrics", "psnr", "--reference", "jpeg-q10"]

    assert main(args) == 1
    told = capsys.readouterr().err
    assert 'kind: "recon" -> "reference"' in told
    assert "Name another folder." in told

    write(pairs / "gt", "0.png", page(7))
    assert main([*args[:-2], "--recon", str(pairs / "recon")]) == 1
    assert "originals:" in capsys.readouterr().err


def test_other_metrics_later_make_no_reconstruction_again(pairs: Path):
    made = pairs / "out" / "reconstructions"
    first = run(pairs, "--reference", "jpeg-q10", metrics="psnr")
    times = {path.name: path.stat().st_mtime_ns for path in made.iterdir()}

    second = run(pairs, "--reference", "jpeg-q10", metrics="psnr ssim")

    assert "SSIM" not in first
    assert second["PSNR"] == first["PSNR"]
    assert second["SSIM"] < 1
    assert {path.name: path.stat().st_mtime_ns for path in made.iterdir()} == times
    assert len(times) == 4


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


def test_what_is_cut_short_is_made_again(pairs: Path, capsys: pytest.CaptureFixture[str]):
    torch.save(inception_state(), pairs / "inception.pth")
    flags = ["--reference", "jpeg-q10", "--fid-weights", str(pairs / "inception.pth")]
    out = pairs / "out"
    (pairs / "gt" / "3.png").unlink()
    run(pairs, *flags, metrics="psnr fid")
    whole = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    (out / f".results.json~{socket.gethostname()}~00000000.tmp").write_bytes(b"of a run that was killed")
    for path, data in whole.items():
        if path.name != "evaluation.json":
            path.write_bytes(data[: len(data) // 2])

    run(pairs, *flags, metrics="psnr fid")
    assert {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()} == whole

    (out / "reconstructions" / "2.png").write_bytes(whole[out / "reconstructions" / "2.png"][:-9])
    (out / "parts" / "000000.npz").unlink()
    run(pairs, *flags, metrics="psnr fid")
    assert {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()} == whole

    (out / "reconstructions" / "1.png").write_bytes(whole[out / "reconstructions" / "1.png"][:-9])
    run(pairs, *flags, metrics="psnr fid")
    assert {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()} == whole

    (out / "evaluation.json").write_text('{"name": "jpeg')
    assert main(["--gt", str(pairs / "gt"), *flags, "--out", str(out), "--metrics", "psnr"]) == 1
    assert "evaluation.json is damaged" in capsys.readouterr().err


def test_captions_are_shown_whole():
    said = "newspaper_zh_0f34c355e9da.png: " + "; ".join(f"model-{n} NED 0.123, PSNR 24.49" for n in range(8))
    narrow, wide = wrapped(said, 500), wrapped(said, 4000)

    assert " ".join(narrow) == said
    assert wide == [said]
    assert len(narrow) > 2
    assert "".join(wrapped("x" * 400, 256)) == "x" * 400
    assert max(map(len, wrapped("x" * 400, 256))) < 60
    assert wrapped("", 256) == []


def test_the_weights_that_a_module_declares_are_part_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path / "gt", "0.png", page(0, 32, 40))
    (tmp_path / "dim.txt").write_text("0.5")
    (tmp_path / "m.py").write_text(
        "from pathlib import Path\nFILES = ('dim.txt',)\nFACTOR = 1\n"
        "def encode(x):\n    return x * float((Path(__file__).parent / 'dim.txt').read_text())\n"
        "def decode(z):\n    return z\n"
    )
    before = run(tmp_path, "--module", str(tmp_path / "m.py"), metrics="psnr", out="one")
    (tmp_path / "dim.txt").write_text("1")
    args = ["--gt", str(tmp_path / "gt"), "--module", str(tmp_path / "m.py"), "--metrics", "psnr", "--device", "cpu"]

    assert main([*args, "--out", str(tmp_path / "one")]) == 1
    assert "subject" in capsys.readouterr().err
    assert main([*args, "--out", str(tmp_path / "two")]) == 0
    after = json.loads((tmp_path / "two/results.json").read_bytes())
    assert before["PSNR"] < 30 < after["PSNR"]


def test_a_model_is_called_as_the_run_that_left_it():
    assert Subject(model="/runs/first/model").title == "first"
    assert Subject(model="/runs/first/averaged").title == "averaged"
    assert Subject(model="/runs/first/model", name="mine").title == "mine"


def test_a_model_that_overflows_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path / "gt", "0.png", page(0, 32, 40))
    (tmp_path / "m.py").write_text("FACTOR = 1\ndef encode(x):\n    return x\ndef decode(z):\n    return z / 0 * 0\n")

    run(tmp_path, "--module", str(tmp_path / "m.py"), metrics="psnr")

    assert "WARNING: m gives values that are not finite, which count as black" in capsys.readouterr().err


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path):
    for number in range(20):
        write(tmp_path / "gt", f"{number:02d}.png", page(number, 32, 40))
    module = tmp_path / "pausing.py"  # after its first batch, where PAUSE_SEC says so
    module.write_text(PAUSING)
    flags = ["--gt", str(tmp_path / "gt"), "--module", str(module), "--metrics", "psnr", "ssim", "--device", "cpu"]
    assert main([*flags, "--out", str(tmp_path / "whole")]) == 0
    out = tmp_path / "out"

    _kill_after_first_part([*flags, "--out", str(out)], out)
    kept = (out / "parts" / "000000.json").stat().st_mtime_ns
    assert not (out / "results.json").exists()
    assert main([*flags, "--out", str(out)]) == 0

    assert (out / "results.json").read_bytes() == (tmp_path / "whole" / "results.json").read_bytes()
    assert (out / "parts" / "000000.json").stat().st_mtime_ns == kept
    names = sorted(path.name for path in (out / "reconstructions").iterdir())
    assert names == [f"{number:02d}.png" for number in range(20)]
    for name in names:
        made, whole = (folder / "reconstructions" / name for folder in (out, tmp_path / "whole"))
        assert made.read_bytes() == whole.read_bytes()


def _kill_after_first_part(flags: list[str], out: Path) -> None:
    """Run the real script until its first part is there, then kill it without warning."""
    command = [sys.executable, str(ROOT / "train" / "evaluate.py"), *flags]
    process = subprocess.Popen(command, env=os.environ | {"PAUSE_SEC": "100"}, cwd=out.parent)
    deadline = time.monotonic() + 100
    while not (out / "parts" / "000000.json").exists():
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < deadline, "its first part never came"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait(20) == -signal.SIGKILL
