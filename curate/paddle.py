"""PaddleOCR behind the same interface, run by onnxruntime: paddlepaddle is not needed, models are local folders."""

import os
import shutil
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from curate.ocr import Pixels, Quads, Reading, bgr, check_device, file_hash, rapidocr_models

INSTALL = 'pip install "smallprint[ocr,paddle]"'
STAGES = {"det": "text_detection", "rec": "text_recognition"}  # folder of the model -> PaddleOCR's word for it
MODEL, SETTINGS = "inference.onnx", "inference.yml"
LINES_AT_ONCE = 6
DECODE = {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}}
NORMALISE = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "scale": "1./255.", "order": "hwc"}


class PaddleOcr:
    """PaddleOCR on one thread; its models are loaded on first use.

    models: a folder with `det` and `rec`, each with inference.onnx and inference.yml; see `build_models`.
    min_side_px, min_score: as for RapidOcr. device: "cpu" or "gpu".
    Raises ModuleNotFoundError naming what to install, ValueError where a model is missing.
    """

    def __init__(self, models: str, *, min_side_px: int = 736, min_score: float = 0.5, device: str = "cpu") -> None:
        if find_spec("paddleocr") is None:
            raise ModuleNotFoundError(f"paddleocr is not installed: {INSTALL}")
        check_device(device)
        self._folders = {stage: _model_folder(models, stage) for stage in STAGES}
        self._names = {stage: _model_name(folder) for stage, folder in self._folders.items()}
        self._detection = {"limit_side_len": min_side_px, "limit_type": "min", "box_thresh": min_score}
        self._common = {
            "device": device,
            "engine": "onnxruntime",
            "engine_config": {"intra_op_num_threads": 1, "inter_op_num_threads": 1},
        }

    @property
    def version(self) -> str:
        models = (f"{self._names[stage]} {file_hash(folder / MODEL)}" for stage, folder in self._folders.items())
        return f"paddleocr {version('paddleocr')} ({', '.join(models)})"

    def detect(self, rgb: Pixels) -> Quads:
        (found,) = self._detector.predict(bgr(rgb))
        return _top_down(np.asarray(found["dt_polys"], np.float32).reshape(-1, 4, 2))

    def recognise(self, lines: Sequence[Pixels]) -> list[tuple[str, float]]:
        if not lines:
            return []
        read = self._recogniser.predict([bgr(line) for line in lines], batch_size=LINES_AT_ONCE)
        return [(line["rec_text"], float(line["rec_score"])) for line in read]

    def read(self, rgb: Pixels) -> list[Reading]:
        (found,) = self._pipeline.predict(bgr(rgb))
        quads = np.asarray(found["rec_polys"], np.float32).reshape(-1, 4, 2)
        return list(zip(quads, found["rec_texts"], map(float, found["rec_scores"]), strict=True))

    @cached_property
    def _detector(self) -> Any:
        return _paddleocr().TextDetection(**self._model("det"), **self._detection, **self._common)

    @cached_property
    def _recogniser(self) -> Any:
        return _paddleocr().TextRecognition(**self._model("rec"), **self._common)

    @cached_property
    def _pipeline(self) -> Any:
        models = {f"{STAGES[stage]}_{key}": value for stage in STAGES for key, value in self._model(stage).items()}
        return _paddleocr().PaddleOCR(
            **models,
            **{f"text_det_{name}": value for name, value in self._detection.items()},
            use_doc_orientation_classify=False,
            use_doc_unwarping=False,
            use_textline_orientation=False,
            **self._common,
        )

    def _model(self, stage: str) -> dict[str, str]:
        return {"model_name": self._names[stage], "model_dir": str(self._folders[stage])}


def _paddleocr() -> Any:
    """The package. It would look for servers of models as it is imported: all models are local here."""
    os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")
    import paddleocr

    return paddleocr


def _model_folder(models: str, stage: str) -> Path:
    folder = Path(models) / stage
    for name in (MODEL, SETTINGS):
        if not models or not (folder / name).is_file():
            remedy = "name a folder with det/ and rec/, or make one of rapidocr's models with build_models"
            raise ValueError(f"PaddleOCR's models {models!r}: there is no {stage}/{name}; {remedy}")
    return folder


def _model_name(folder: Path) -> str:
    settings = yaml.safe_load((folder / SETTINGS).read_text(encoding="utf-8"))
    return str(settings["Global"]["model_name"])


def _top_down(quads: Quads) -> Quads:
    order = np.lexsort((quads[:, :, 0].min(axis=1), quads[:, :, 1].min(axis=1)))
    return np.asarray(quads[order], np.float32)


def build_models(folder: str | Path) -> None:
    """Write model folders for PaddleOCR from the two PP-OCR models in rapidocr's wheel: 31 MB, no download."""
    found = rapidocr_models()
    characters = _characters(found["rec"])
    for stage, settings in (("det", _detection_settings()), ("rec", _recognition_settings(characters))):
        target = Path(folder) / stage
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found[stage], target / MODEL)
        # "PP-OCRv6_det_small" is called "PP-OCRv6_small_det" there
        family, _, size = found[stage].stem.split("_")
        settings = {"Global": {"model_name": f"{family}_{size}_{stage}"}} | settings
        (target / SETTINGS).write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")


def _characters(model: Path) -> list[str]:
    """What a recognition model can write, in the order of its outputs; kept in the model's metadata."""
    from onnxruntime import InferenceSession

    session = InferenceSession(str(model), providers=["CPUExecutionProvider"])
    return str(session.get_modelmeta().custom_metadata_map["character"]).splitlines()


def _detection_settings() -> dict[str, Any]:
    steps = [DECODE, {"DetResizeForTest": None}, {"NormalizeImage": NORMALISE}, {"ToCHWImage": None}]
    after = {"name": "DBPostProcess", "thresh": 0.3, "box_thresh": 0.6, "max_candidates": 1000, "unclip_ratio": 1.5}
    return {"PreProcess": {"transform_ops": steps}, "PostProcess": after}


def _recognition_settings(characters: list[str]) -> dict[str, Any]:
    steps = [DECODE, {"RecResizeImg": {"image_shape": [3, 48, 320]}}]
    return {
        "PreProcess": {"transform_ops": steps},
        "PostProcess": {"name": "CTCLabelDecode", "character_dict": characters},
    }
