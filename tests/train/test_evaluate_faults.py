"""evaluate.py on bad files, flags and models: what is left out, counted and told."""

import shutil
import struct
import zlib
from pathlib import Path

import cv2
import pytest

from tests.train.evaluations import page, run, write
from train.evaluation.evaluating import main


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


def test_a_model_that_overflows_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path / "gt", "0.png", page(0, 32, 40))
    (tmp_path / "m.py").write_text("FACTOR = 1\ndef encode(x):\n    return x\ndef decode(z):\n    return z / 0 * 0\n")

    run(tmp_path, "--module", str(tmp_path / "m.py"), metrics="psnr")

    assert "WARNING: m gives values that are not finite, which count as black" in capsys.readouterr().err
