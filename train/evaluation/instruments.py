"""The figures that are wanted, each as a function of two pictures, and the weights they are measured with."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from train.evaluation.inception import Inception, find_weights
from train.evaluation.measuring import Featurizer, Instruments, Meter
from train.evaluation.settings import Measures
from train.metrics import Pixels, psnr, ssim, zero_to_one
from train.peers.autoencoders import Running
from train.peers.files import digest_of
from train.teachers.perceptual import Lpips
from train.weights import MissingWeights


def make_instruments(
    metrics: tuple[str, ...], measures: Measures, running: Running
) -> tuple[Instruments, dict[str, str]]:
    """Instruments for metrics, and by metric the hash of the weights it uses.

    Raises FileNotFoundError naming the file and the flag where weights are missing.
    """
    device = running.torch_device
    meters: dict[str, Meter] = {}
    weights: dict[str, str] = {}
    for name, figure in (("psnr", psnr), ("ssim", ssim)):
        if name in metrics:
            meters[name.upper()] = _on(device, figure)
    if "lpips" in metrics:
        meters["LPIPS"], weights["lpips"] = _lpips(measures.lpips_trunk, device)
    features = None
    if "fid" in metrics:
        path = find_weights(measures.fid_weights)
        features, weights["fid"] = _features(path, device), digest_of([path])
    return Instruments(meters=meters, features=features), weights


def _on(device: torch.device, figure: Any) -> Meter:
    def meter(original: Pixels, reconstruction: Pixels) -> float:
        return float(figure(*(zero_to_one(picture[None]).to(device) for picture in (original, reconstruction)))[0])

    return meter


def _lpips(trunk: str, device: torch.device) -> tuple[Meter, str]:
    try:
        lpips = Lpips.load(trunk).to(device)
    except MissingWeights as error:
        cause = str(error).partition(" To train without")[0]
        raise FileNotFoundError(f"{cause} Name it with --lpips-trunk, or leave lpips out of --metrics.") from error

    def meter(original: Pixels, reconstruction: Pixels) -> float:
        a, b = (zero_to_one(picture[None]).to(device) * 2 - 1 for picture in (original, reconstruction))
        with torch.inference_mode():
            return float(lpips(b, a)[0])

    return meter, lpips.digest()


def _features(weights: Path, device: torch.device) -> Featurizer:
    network = Inception.load(weights).to(device)

    def features(pictures: Pixels) -> NDArray[np.float32]:
        return network.features(pictures).numpy()

    return features
