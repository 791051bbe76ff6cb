"""Files with bytes changed at random, and JSON of any shape, for the readers of shards, checkpoints, models, pictures
and tars: they are read, or their fault is named."""

import io
import json
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from curate.picture import BadImage, Picture
from pipelines.corpora.archives import RowReader, parquet_entries, tar_entries
from pipelines.shards.files import read_manifest, shard_name, sidecar_name, sum_counts, verify_shard
from pipelines.shards.folder import Folder
from tests.curate.pictures import blocks, encoded
from tests.fuzzing import FLIPS, JSON, KEPT, NESTED, NUMBERS, Flips, as_json, few, outcome, spoiled, values_of
from tests.pipelines.corpus_files import tar_of
from tests.train.shards import pages, write
from train.checkpoint import Checkpoint, Checkpoints, read_checkpoint
from train.evaluation.picture_files import BadPicture, read_picture
from train.feeding import crops
from train.feeding.parquet import open_images, read_part, shards_of
from train.vae import Vae
from train.vae_config import MAX_WIDTH, VaeConfig, read_config

FILES = {fmt: encoded(blocks(3, 96, 80), fmt) for fmt in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")}
CUT = crops.Cut(size=(32, 32), native=True, down=0, right=0, mirrored=False)
SIDECAR = dict.fromkeys(("index", "num_rows", "num_bytes", "sha256", "counts", "versions"), JSON)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One shard of eight pages; not to be changed."""
    return Path(write(pages(8, side_px=48, shard_rows=8), tmp_path_factory.mktemp("shards") / "set"))


@pytest.fixture(scope="module")
def spoil(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bytes], Folder]:
    """A copy of the folder in which one file is another: `spoil(name, data)`."""
    copy = tmp_path_factory.mktemp("spoiled")

    def spoil_one(name: str, data: bytes) -> Folder:
        shutil.copytree(whole, copy, dirs_exist_ok=True)
        (copy / name).write_bytes(data)
        return Folder(str(copy))

    return spoil_one


def trained_on(folder: Folder) -> None:
    for shard in shards_of(folder):
        for group in range(len(read_part(shard).group_rows)):
            for image in open_images(shard, group):
                with suppress(crops.BadImage):
                    crops.crop(image.as_py() or b"", CUT)


def curated(folder: Folder) -> None:
    reader = RowReader(folder.open)
    with folder.open(shard_name(0)) as file:
        for entry in parquet_entries(file, shard_name(0), Counter()):
            if not entry.fault:
                with suppress(BadImage):
                    Picture(reader.read(entry.container, entry.row_group, entry.row)).rgb.sum()


@pytest.mark.parametrize("use", [trained_on, curated])
def test_a_spoiled_shard_is_read_or_named(
    whole: Path, spoil: Callable[[str, bytes], Folder], use: Callable[[Folder], None]
):
    data = (whole / shard_name(0)).read_bytes()
    info = read_manifest(Folder(str(whole)))[0]

    @few(120)
    @given(FLIPS, KEPT)
    def check(flips: Flips, kept: float) -> None:
        changed = spoiled(data, flips, kept)
        folder = spoil(shard_name(0), changed)
        _, fault = outcome(lambda: use(folder), ValueError, OSError)

        assert (verify_shard(folder, info) == "") == (changed == data)
        assert not fault or "000000.parquet" in fault

    check()


def test_a_spoiled_sidecar_is_read_or_its_shard_is_missing(whole: Path, spoil: Callable[[str, bytes], Folder]):
    data = (whole / sidecar_name(0)).read_bytes()

    @few(120)
    @given(FLIPS, KEPT)
    def check(flips: Flips, kept: float) -> None:
        folder = spoil(sidecar_name(0), spoiled(data, flips, kept))

        assert read_manifest(folder).keys() <= {0}
        assert all(isinstance(count, int) for count in sum_counts(folder).values())

    check()


def test_any_json_as_a_sidecar(whole: Path, spoil: Callable[[str, bytes], Folder]):
    known = json.loads((whole / sidecar_name(0)).read_bytes())

    @few(100)
    @given(values_of(SIDECAR) | JSON)
    @example({"counts": {"a": None}})
    @example({"num_rows": 2**70})
    @example(NESTED)
    def check(values: Any) -> None:
        text = as_json(known | values if isinstance(values, dict) else values)
        folder = spoil(sidecar_name(0), text.encode())

        assert read_manifest(folder).keys() <= {0}
        assert all(isinstance(count, int) for count in sum_counts(folder).values())

    check()


def test_a_spoiled_checkpoint_is_read_or_named(tmp_path: Path):
    tensors = {"weights": {"a": torch.arange(6.0).reshape(2, 3)}, "optimiser": {"b": torch.ones(2)}}
    saved = Checkpoint(tensors=tensors, numbers={"num_images": 8, "stage_index": 0, "loader": None})
    target = Checkpoints(tmp_path / "checkpoints", keep=1).save(8, saved)
    files = {path.name: path.read_bytes() for path in target.iterdir()}
    state = json.loads(files["state.json"])
    names = st.sampled_from(["state.json", "weights.safetensors"])

    @few(150)
    @given(st.tuples(names, FLIPS, KEPT) | JSON | values_of({"files": JSON, "numbers": JSON}))
    @example(NESTED)
    @example({"files": {"../../x": "0"}})
    @example({"files": {"state.json": 1}})
    def check(change: Any) -> None:
        for name, data in files.items():
            (target / name).write_bytes(data)
        if isinstance(change, tuple):
            (target / change[0]).write_bytes(spoiled(files[change[0]], *change[1:]))
        else:
            (target / "state.json").write_text(as_json(state | change if isinstance(change, dict) else change))
        found, fault = outcome(lambda: read_checkpoint(target), ValueError)

        assert f"checkpoint {target} is damaged" in fault or (found and isinstance(found.numbers, dict))

    check()


def test_any_configuration_of_a_model_is_read_or_named(tmp_path: Path):
    Vae(VaeConfig(factor=8, latent_channels=12, encoder_width=4, decoder_width=4)).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    known = json.loads(path.read_text())

    @few(200)
    @given(values_of(dict.fromkeys(known, NUMBERS)) | JSON)
    @example({"encoder_width": 10**9})
    @example({"factor": 2**60})
    @example({"latents_mean": ["x"] * 12})
    @example(NESTED)
    def check(change: Any) -> None:
        path.write_text(as_json(known | change if isinstance(change, dict) else change))
        config, fault = outcome(lambda: read_config(tmp_path), ValueError)

        assert config or f"{path} is no configuration of ours" in fault
        assert not config or max(config.encoder_width, config.decoder_width, config.latent_channels) <= MAX_WIDTH
        assert not config or json.dumps(asdict(config), allow_nan=False)

    check()


@pytest.mark.parametrize("fmt", FILES)
@pytest.mark.filterwarnings("ignore")  # of Pillow, about metadata
def test_a_spoiled_picture_is_read_or_named(fmt: str, tmp_path: Path):
    path = tmp_path / "picture.png"

    @few(60)
    @given(FLIPS, KEPT, st.booleans())
    def check(flips: Flips, kept: float, in_header: bool) -> None:
        if in_header:
            flips = [(0.0, 0.03 * place, change) for _, place, change in flips]
        data = spoiled(FILES[fmt], flips, kept)
        path.write_bytes(data)
        for read, kind in (
            (lambda: Picture(data).rgb, BadImage),
            (lambda: crops.crop(data, CUT), crops.BadImage),
            (lambda: read_picture(path), BadPicture),
        ):
            pixels, fault = outcome(read, kind)
            assert fault or (pixels is not None and pixels.dtype == np.uint8 and pixels.shape[2] == 3)

    check()


@few(150)
@given(FLIPS, KEPT)
def test_a_spoiled_tar_is_listed_to_its_end(flips: Flips, kept: float):
    data = tar_of({f"{name}.png": FILES["PNG"] for name in range(3)}, {"1.png": {"comment": "x" * 40}})

    entries = list(tar_entries(io.BytesIO(spoiled(data, flips, kept)), "t.tar", Counter()))

    assert len(entries) <= 4
    assert all(entry.fault or (entry.offset >= 0 and entry.length >= 0) for entry in entries)
