"""PP-OCRv5's server models, those the benchmark is published with, fetched by PaddleOCR itself and kept."""

import shutil
from pathlib import Path

from pipelines.shards.folder import Folder
from train.evaluation.reading_cache import cache_home

MODELS = {"det": "PP-OCRv5_server_det", "rec": "PP-OCRv5_server_rec"}
FILES = ("inference.onnx", "inference.yml")
REMEDY = "name a folder with det/ and rec/, each with inference.onnx and inference.yml, with --ocr-models"


def published_models(cache: str = "") -> str:
    """The folder of the models, downloaded on first use into `cache` ($SMALLPRINT_CACHE, ~/.cache/smallprint).

    Raises ModuleNotFoundError where paddleocr is missing, ConnectionError where nothing can be downloaded.
    """
    folder = Folder(f"{cache_home(cache)}/paddleocr/PP-OCRv5_server")
    for stage, name in MODELS.items():
        missing = [file for file in FILES if not folder.exists(f"{stage}/{file}")]
        if not missing:
            continue
        source = _fetch(name)
        for file in missing:
            with folder.writing(f"{stage}/{file}") as target, (source / file).open("rb") as fetched:
                shutil.copyfileobj(fetched, target)
    return str(folder.url)


def _fetch(name: str) -> Path:
    try:
        from paddlex.inference.utils.official_models import official_models
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError('paddleocr is not installed: pip install "smallprint[ocr,paddle]"') from error
    try:
        return Path(official_models.get_model_path(name, model_formats=("onnx",)))
    except Exception as error:  # the package raises bare ones, of its downloads too
        raise ConnectionError(f"{name} could not be downloaded ({error}): {REMEDY}") from error
