"""Text is read once: by real engines, here and in processes, with the cache on disk between them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from train.evaluation.reading import EngineChoice, Reader, engine_installed

pytest.importorskip("rapidocr")
ROOT = Path(__file__).parents[2]


def picture(text: str, width: int = 200) -> np.ndarray:
    """A line of text on near white, uint8 (48, width, 3)."""
    rgb = np.full((48, width, 3), 245, np.uint8)
    cv2.putText(rgb, text, (8, 32), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20, 20, 90), 2, cv2.LINE_AA)
    return rgb


PICTURES = [picture("legible"), picture("second"), np.full((40, 40, 3), 255, np.uint8)]
TEXTS = ["legible", "second", ""]
SHORT = [picture("first", 110), picture("and others", 190), picture("third", 110)]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def reader(cache: Path) -> Iterator[Reader]:
    with Reader(cache=str(cache)) as reader:
        reader.read(PICTURES)
        yield reader


def test_texts_and_lines_are_read(reader: Reader):
    assert reader.read(PICTURES) == TEXTS

    (line,) = reader.read_lines(PICTURES[:1])[0]
    x, y, width, height = line.box_px
    assert line.confidence > 0.8
    assert 0 <= x < 20
    assert 0 <= y < 24
    assert 80 < width <= 200 - x
    assert 16 < height <= 48 - y


def test_what_was_read_is_not_read_again(reader: Reader, cache: Path):
    with Reader(cache=str(cache), workers=2) as other:  # its processes never start
        assert other.read([*PICTURES, PICTURES[0].copy()]) == [*TEXTS, TEXTS[0]]
        assert other.num_read == 0


def test_processes_read_the_same_and_keep_it(reader: Reader, tmp_path: Path):
    with Reader(cache=str(tmp_path), workers=1) as other:
        texts, lines = other.read(PICTURES[:2]), other.recognise(SHORT[:1])
        num_read = other.num_read

    assert texts == TEXTS[:2]
    assert lines == reader.recognise(SHORT[:1])
    assert num_read == 3
    with Reader(cache=str(tmp_path)) as third:
        assert third.read(PICTURES[:2]) == TEXTS[:2]
        assert third.num_read == 0


def test_a_line_reads_the_same_beside_any_other(reader: Reader, tmp_path: Path):
    with Reader(cache=str(tmp_path)) as other:
        together = other.recognise(SHORT[::-1])[::-1]

    assert together == [reader.recognise([line])[0] for line in SHORT]
    assert [text for text, _ in together] == ["first", "and others", "third"]


def test_a_damaged_reading_is_made_again(reader: Reader, tmp_path: Path):
    with Reader(cache=str(tmp_path)) as first:
        first.read(PICTURES[1:2])
    for content in (b"", b'{"half', b'{"text": "second"}'):
        (kept,) = tmp_path.rglob("pages/*/*.json")
        kept.write_bytes(content)
        with Reader(cache=str(tmp_path)) as again:
            assert again.read(PICTURES[1:2]) == TEXTS[1:2]
            assert again.num_read == 1


def test_a_cache_that_cannot_be_written_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "file").write_text("")
    with Reader(cache=str(tmp_path / "file" / "cache")) as other:
        assert other.read(PICTURES[1:]) == TEXTS[1:]

    assert caplog.text.count("readings are not kept") == 1


def test_the_version_names_engine_models_and_options(reader: Reader, cache: Path):
    reader.read([np.full((20, 20, 3), 255, np.uint8)])  # what is kept says who read it

    assert reader.version.startswith("rapidocr 3.")
    assert "PP-OCRv6_rec_small" in reader.version
    assert reader.version.endswith("short side from 736 px, boxes from 0.5")
    assert reader.version in [path.read_text() for path in cache.rglob("engine.txt")]
    assert engine_installed()


WORKER = """
import sys, time, os, signal
sys.path.insert(0, {root!r})
import numpy as np
from train.evaluation.reading import Reader
if __name__ == "__main__":
    reader = Reader(cache={cache!r}, workers=1)
    reader.read([np.full((20, 20, 3), 255, np.uint8)])
    print(*reader._pool._processes, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_end_with_whoever_started_them(tmp_path: Path):
    script = tmp_path / "reads.py"
    script.write_text(WORKER.format(root=str(ROOT), cache=str(tmp_path)))

    done = subprocess.run([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, timeout=200)

    assert done.returncode == -signal.SIGKILL
    worker = int(done.stdout)
    deadline = time.monotonic() + 20
    while _is_running(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_running(worker)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # ended, and only not yet waited for


def test_what_cannot_be_read_is_named(reader: Reader):
    with pytest.raises(ValueError, match=r"float64 \(4, 4, 3\): text is read from uint8 RGB"):
        reader.read([np.zeros((4, 4, 3))])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="no OCR engine is called 'tesseract': use rapidocr or paddleocr"):
        EngineChoice(name="tesseract").open()
    with pytest.raises(ValueError, match="workers is -2"):
        Reader(workers=-2)


@pytest.mark.filterwarnings("ignore")  # what the package itself warns of as it is imported
def test_paddleocr_reads_with_local_models_and_a_cache_of_its_own(reader: Reader, cache: Path, tmp_path: Path):
    pytest.importorskip("paddleocr", reason="paddleocr is not installed: it is the extra `paddle`")
    from curate.paddle import build_models

    build_models(tmp_path)
    with Reader("paddleocr", models=str(tmp_path), cache=str(cache)) as other:
        assert other.read(PICTURES[:1]) == TEXTS[:1]
        assert other.num_read == 1
        assert "paddleocr 3." in other.version
        assert other.version.endswith("short side from 64 px, boxes from 0.6")


@pytest.mark.filterwarnings("ignore")
def test_without_models_and_network_paddleocr_names_the_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("paddleocr", reason="paddleocr is not installed: it is the extra `paddle`")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("PADDLE_PDX_CACHE_HOME", str(tmp_path / "paddlex"))
    from train.evaluation.published_models import published_models

    if any(Path(os.path.expanduser("~/.paddlex/official_models")).glob("PP-OCRv5_server_det_onnx")):
        pytest.skip("PP-OCRv5's models are here already")
    with pytest.raises(ConnectionError, match=r"PP-OCRv5_server_det could not be downloaded.*--ocr-models"):
        published_models(str(tmp_path))
