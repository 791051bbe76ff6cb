"""Published filters, run in an environment of their own: scores or seconds of the image files of a folder.

Reads {"what": "scores" | "speed", "folder": ..., "only": [names] | null} from standard input, prints one line of
JSON. All scores are higher for sharper pictures.
- cleanvision: `blurry_score` of Imagelab.find_issues({"blurry": {}}); in speed also all its checks.
- variance of Laplacian: of OpenCV's 3x3 Laplacian on the grey picture.
- FFT mean: low frequencies (120 x 120 at the centre) set to zero, mean of 20 log10 of what comes back.
- FFT share: the part of the spectrum's energy above a quarter of the sampling rate.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

CUT_PX = 60
FFT_MEAN, FFT_SHARE, LAPLACIAN, CLEANVISION = "FFT mean", "FFT share", "variance of Laplacian", "cleanvision"


def laplacian(grey):
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def fft_mean(grey):
    spectrum = np.fft.fftshift(np.fft.fft2(grey))
    y, x = grey.shape[0] // 2, grey.shape[1] // 2
    spectrum[y - CUT_PX : y + CUT_PX, x - CUT_PX : x + CUT_PX] = 0
    return float(np.mean(20 * np.log10(np.abs(np.fft.ifft2(np.fft.ifftshift(spectrum))) + 1e-9)))


def fft_share(grey):
    power = np.abs(np.fft.fft2(grey - grey.mean())) ** 2
    y, x = np.fft.fftfreq(grey.shape[0])[:, None], np.fft.fftfreq(grey.shape[1])[None, :]
    return float(power[np.hypot(x, y) > 0.25].sum() / max(power.sum(), 1e-9))


SCORES = {LAPLACIAN: laplacian, FFT_MEAN: fft_mean, FFT_SHARE: fft_share}


def find_issues(folder, issues):
    """cleanvision's table; what it prints goes to standard error."""
    from cleanvision import Imagelab

    with contextlib.redirect_stdout(sys.stderr):
        lab = Imagelab(data_path=folder)
        lab.find_issues(issues, n_jobs=1, verbose=False)
    return lab.issues


def scores(folder, only):
    """{score: {file name: value}} of these scores (None: all)"""
    wanted = [name for name in SCORES if only is None or name in only]
    found: dict[str, dict[str, float]] = {name: {} for name in wanted}
    for path in sorted(Path(folder).iterdir()):
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        for name in wanted:
            found[name][path.name] = SCORES[name](grey)
    if only is not None and CLEANVISION not in only:
        return found
    table = find_issues(folder, {"blurry": {}})
    found[CLEANVISION] = {Path(path).name: float(value) for path, value in table["blurry_score"].items()}
    return found


def speed(folder, _only):
    """{way: images a CPU second}, decoding included; the faster of two rounds."""
    paths = sorted(Path(folder).iterdir())
    ways: dict[str, Callable[[], object]] = {name: partial(_score_all, score, paths) for name, score in SCORES.items()}
    ways["cleanvision, blur alone"] = lambda: find_issues(folder, {"blurry": {}})
    ways["cleanvision, all checks"] = lambda: find_issues(folder, None)
    return {name: max(_rate(way, len(paths)) for _ in range(2)) for name, way in ways.items()}


def _score_all(score, paths):
    return [score(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)) for path in paths]


def _rate(way, count):
    start = time.process_time()
    way()
    return count / (time.process_time() - start)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    os.environ["TQDM_DISABLE"] = "1"
    job = json.load(sys.stdin)
    print(json.dumps({"scores": scores, "speed": speed}[job["what"]](job["folder"], job["only"])))
