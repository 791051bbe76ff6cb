"""Autoencoders of every maker through one call: real photos through TAEF2, tiny models of the other kinds."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import tests.train.torchvision_ops  # noqa: F401  (first: diffusers may import torchvision)
from pipelines.shards.seeds import rng_for
from train.metrics import psnr
from train.peers.autoencoders import Running, TorchAutoencoder, open_autoencoder
from train.peers.halves import of_module
from train.vae import Vae
from train.vae_config import VaeConfig

BLUR = """
import torch
from torch.nn.functional import conv2d, interpolate
FACTOR = 4
devices = []
def setup(device):
    devices.append(device)
def encode(images):
    assert images.dtype == torch.float32 and images.min() >= -1 and images.max() <= 1
    assert images.shape[2] % 4 == 0 and images.shape[3] % 4 == 0
    weights = torch.ones(3, 1, 5, 5) / 25
    return conv2d(images, weights, padding=2, groups=3)[:, :, ::4, ::4]
def decode(latents):
    return interpolate(latents, scale_factor=4, mode="nearest")
"""


def noise(height: int, width: int, num: int = 1) -> np.ndarray:
    return rng_for(3, "noise", height, width, num).integers(0, 256, (num, height, width, 3), np.uint8)


@pytest.fixture
def blur(tmp_path: Path) -> Path:
    file = tmp_path / "blur.py"
    file.write_text(BLUR)
    return file


def kodak(data: Path, numbers: range) -> np.ndarray:
    """Centre crops of 256 px."""
    crops = []
    for number in numbers:
        rgb = cv2.imread(str(data / "natural" / "kodak" / f"kodim{number:02d}.png"))[..., ::-1]
        top, left = (rgb.shape[0] - 256) // 2, (rgb.shape[1] - 256) // 2
        crops.append(rgb[top : top + 256, left : left + 256])
    return np.stack(crops)


def test_taef2_keeps_photos_as_published(data: Path):
    photos = kodak(data, range(1, 7))
    model = open_autoencoder("taef2", str(data / "peer-vae"), name="TAEF2")

    figures = psnr(photos, model(photos))

    assert model.name == "TAEF2"
    assert figures.min() == pytest.approx(25.8, abs=0.05)
    assert figures.max() == pytest.approx(34.7, abs=0.1)
    assert figures[0] == pytest.approx(psnr(photos[:1], model(photos[:1]))[0], abs=0.01)  # alone as in a batch


def test_tiles_with_a_margin_leave_taef2_nearly_the_same(data: Path):
    photo = kodak(data, range(3, 4))
    folder = str(data / "peer-vae")
    whole = open_autoencoder("taef2", folder)(photo)

    tiled = open_autoencoder("taef2", folder, running=Running(tile_px=128, margin_px=64))(photo)

    assert psnr(whole, tiled)[0] > 40  # its normalisation sees the whole image: not the same to the last digit


def test_taef2_of_missing_or_other_files_is_refused(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"taef2_encoder\.pth is missing: name the folder that holds"):
        open_autoencoder("taef2", str(tmp_path))

    torch.save({"0.weight": torch.zeros(3)}, tmp_path / "taef2_encoder.pth")
    with pytest.raises(ValueError, match=r"taef2_encoder\.pth does not hold TAEF2's weights"):
        open_autoencoder("taef2", str(tmp_path))

    class Evil:
        def __reduce__(self):
            return print, ("run",)

    (tmp_path / "taef2_encoder.pth").write_bytes(pickle.dumps({"0.weight": Evil()}, protocol=2))
    with pytest.raises(ValueError, match=r"taef2_encoder\.pth"):
        open_autoencoder("taef2", str(tmp_path))


def test_sides_that_do_not_divide_are_padded_and_cut_again(blur: Path):
    model = open_autoencoder("module", str(blur))

    made = model(noise(21, 30, 2))

    assert model.name == "blur"
    assert made.shape == (2, 21, 30, 3)
    assert made.dtype == np.uint8
    assert model(noise(24, 32)[:, :21, :30]).shape == (1, 21, 30, 3)


def test_a_module_gets_what_its_signature_says(blur: Path):
    image = noise(16, 16)
    expected = cv2.blur(image[0].astype(np.float32) - 127.5, (5, 5), borderType=cv2.BORDER_CONSTANT)[::4, ::4] + 127.5

    made = open_autoencoder("module", str(blur))(image)

    assert made[0, ::4, ::4].astype(float) == pytest.approx(expected, abs=0.51)
    assert (made[0, 1::4] == made[0, ::4]).all()


def test_tiles_with_all_that_a_model_sees_are_exact(blur: Path):
    image = noise(150, 90)
    exact, short = Running(tile_px=64, margin_px=4), Running(tile_px=64, margin_px=0)

    whole = open_autoencoder("module", str(blur))(image)

    assert np.array_equal(open_autoencoder("module", str(blur), running=exact)(image), whole)
    assert not np.array_equal(open_autoencoder("module", str(blur), running=short)(image), whole)


def test_batches_change_nothing(blur: Path):
    images = noise(32, 40, 5)
    one_by_one = Running(batch_mpx=1e-6)

    assert np.array_equal(
        open_autoencoder("module", str(blur), running=one_by_one)(images),
        open_autoencoder("module", str(blur))(images),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("encode = print", "has no function decode: it needs encode"),
        ("import nothing_of_this_name", "cannot be imported: ModuleNotFoundError"),
        ("encode = decode = print\nFACTOR = 'eight'", "FACTOR of .* is 'eight'"),
    ],
)
def test_a_module_that_does_not_fit_is_named(tmp_path: Path, content: str, message: str):
    file = tmp_path / "mine.py"
    file.write_text(content)

    with pytest.raises(ValueError, match=message):
        open_autoencoder("module", str(file))
    with pytest.raises(FileNotFoundError, match=r"other\.py is missing: name a Python file with encode"):
        of_module(tmp_path / "other.py", Running())


def test_a_module_that_returns_another_shape_is_named(tmp_path: Path):
    file = tmp_path / "half.py"
    file.write_text("def encode(x):\n    return x[..., ::2]\ndef decode(z):\n    return z")

    with pytest.raises(ValueError, match=r"half turns images \(1, 3, 32, 32\) into \(1, 3, 32, 16\)"):
        open_autoencoder("module", str(file))(noise(32, 32))


def tiny_vae(folder: Path) -> Vae:
    torch.manual_seed(0)
    vae = Vae(VaeConfig(factor=8, latent_channels=12, encoder_width=8, decoder_width=8)).eval()
    vae.save_pretrained(folder)
    return vae


def test_a_folder_of_ours_is_run_as_it_is(tmp_path: Path):
    vae, image = tiny_vae(tmp_path / "mine"), noise(60, 44)
    model = open_autoencoder("model", str(tmp_path / "mine"))
    with torch.inference_mode():
        made = vae(torch.from_numpy(image).permute(0, 3, 1, 2) / 127.5 - 1)
    expected = ((made.clamp(-1, 1) + 1) * 127.5).permute(0, 2, 3, 1).numpy()

    assert model.name == "mine"
    assert model(image).astype(float) == pytest.approx(expected, abs=0.51)


def test_ours_in_tiles_is_the_same(tmp_path: Path):
    tiny_vae(tmp_path)
    image = noise(72, 136)
    folder = str(tmp_path)
    whole, tiled = (open_autoencoder("model", folder, running=Running(tile_px=px))(image) for px in (0, 64))

    assert np.abs(whole.astype(int) - tiled).max() <= 1


@pytest.mark.filterwarnings("ignore")  # what diffusers warns of as it is imported
class TestDiffusers:
    def test_a_folder_is_run_as_diffusers_does(self, tmp_path: Path):
        diffusers = pytest.importorskip("diffusers")
        torch.manual_seed(0)
        blocks = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
        vae = diffusers.AutoencoderKL(block_out_channels=(8, 8), norm_num_groups=4, **blocks).eval()
        vae.save_pretrained(tmp_path / "vae")
        image = noise(30, 34)  # its factor is 2
        with torch.inference_mode():
            z = vae.encode(torch.from_numpy(image).permute(0, 3, 1, 2) / 127.5 - 1).latent_dist.mode()
            expected = ((vae.decode(z).sample.clamp(-1, 1) + 1) * 127.5).permute(0, 2, 3, 1).numpy()

        made = open_autoencoder("diffusers", str(tmp_path))(image)  # a pipeline's folder, with its vae/

        assert made.astype(float) == pytest.approx(expected, abs=0.51)

    def test_one_of_videos_with_alpha_takes_one_frame(self, tmp_path: Path):
        diffusers = pytest.importorskip("diffusers")
        kind = getattr(diffusers, "AutoencoderKLQwenImage21", None)
        if kind is None:
            pytest.skip("this diffusers has no AutoencoderKLQwenImage21")
        torch.manual_seed(0)
        vae = kind(
            base_dim=8, decoder_base_dim=8, z_dim=4, dim_mult=[1, 1, 1], temperal_downsample=[False, False]
        ).eval()
        vae.save_pretrained(tmp_path)

        made = open_autoencoder("diffusers", str(tmp_path))(noise(20, 16))

        assert made.shape == (1, 20, 16, 3)
        assert made.std() > 0

    def test_another_folder_is_named(self, tmp_path: Path):
        pytest.importorskip("diffusers")
        with pytest.raises(FileNotFoundError, match=r"config\.json is missing: name the folder of a diffusers"):
            open_autoencoder("diffusers", str(tmp_path))

        (tmp_path / "config.json").write_text('{"_class_name": "AutoencoderNoSuch"}')
        with pytest.raises(ValueError, match="AutoencoderNoSuch"):
            open_autoencoder("diffusers", str(tmp_path))

        (tmp_path / "config.json").write_text('{"_class_name": "AutoencoderKL"}')
        with pytest.raises(ValueError, match="does not hold a whole AutoencoderKL"):
            open_autoencoder("diffusers", str(tmp_path))


def test_bfloat16_is_close(tmp_path: Path):
    tiny_vae(tmp_path)
    image = noise(64, 64)
    exact, rough = (
        open_autoencoder("model", str(tmp_path), running=Running(device="cpu", dtype=dtype))(image)
        for dtype in ("float32", "bfloat16")
    )

    assert 0 < np.abs(exact.astype(int) - rough).mean() < 3


def test_a_reference_is_opened_by_name():
    image = noise(40, 40)

    assert np.array_equal(open_autoencoder("reference", "identity")(image), image)
    assert not np.array_equal(open_autoencoder("reference", "jpeg-q10")(image), image)


def test_settings_out_of_range_are_named():
    with pytest.raises(ValueError, match="dtype is 'int8': choose auto, float32"):
        Running(dtype="int8")
    with pytest.raises(ValueError, match="batch_mpx is 0: give above 0"):
        Running(batch_mpx=0)
    with pytest.raises(ValueError, match="tile_px is 10"):
        Running(tile_px=10)
    with pytest.raises(ValueError, match="device is 'abacus', which cannot be used here"):
        _ = Running(device="abacus").torch_device
    with pytest.raises(ValueError, match="no autoencoder is of kind 'gan': use model"):
        open_autoencoder("gan", "x")


def test_what_is_no_batch_of_images_is_named(blur: Path):
    model = open_autoencoder("module", str(blur))
    assert isinstance(model, TorchAutoencoder)

    with pytest.raises(ValueError, match=r"images are uint8 \(16, 16, 3\): an autoencoder takes uint8"):
        model(noise(16, 16)[0])
    assert model(np.zeros((0, 16, 16, 3), np.uint8)).shape == (0, 16, 16, 3)
