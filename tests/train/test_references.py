"""References: each loses what it says, in the order it should, and nothing else."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from skimage import data as photos

from train.peers.autoencoders import Autoencoder, open_autoencoder
from train.peers.references import REFERENCES, open_reference

PAIRS = ("bicubic-x2", "bicubic-x4"), ("jpeg-q30", "jpeg-q10")


@pytest.fixture(scope="module")
def images():
    return np.stack([photos.astronaut()[:255, :257], photos.coffee()[100:355, 200:457]])


def error(name, images):
    return float(np.square(open_reference(name)(images).astype(float) - images).mean())


@pytest.mark.parametrize("name", REFERENCES)
def test_gives_as_many_images_of_the_same_size(name, images):
    reference: Autoencoder = open_autoencoder("reference", name)
    seen = reference(images)

    assert reference.name == name
    assert seen.shape == images.shape
    assert seen.dtype == np.uint8
    assert np.array_equal(seen[1:], reference(images[1:]))
    assert reference(images[:0]).shape == images[:0].shape


def test_identity_changes_nothing(images):
    assert np.array_equal(open_reference("identity")(images), images)


@pytest.mark.parametrize(("better", "worse"), PAIRS)
def test_the_stronger_loss_loses_more(images, better, worse):
    assert 0 < error(better, images) < error(worse, images)


def test_bicubic_keeps_what_is_smooth_and_blurs_an_edge():
    ramp = np.broadcast_to(np.linspace(40, 200, 128).astype(np.uint8)[None, None, :, None], (1, 64, 128, 3)).copy()
    edge = np.where(np.arange(128) < 64, 0, 255).astype(np.uint8)[None, None, :, None] * np.ones(
        (1, 64, 1, 3), np.uint8
    )
    smooth, blurred = (open_reference("bicubic-x2")(image)[0, 32, :, 0].astype(int) for image in (ramp, edge))

    assert np.abs(smooth - ramp[0, 32, :, 0]).max() <= 2
    assert set(blurred[61:67]) - {0, 255}


def test_jpeg_is_what_pillow_writes(images):
    file = BytesIO()
    Image.fromarray(images[0]).save(file, "JPEG", quality=10, subsampling="4:2:0")
    file.seek(0)

    assert np.array_equal(open_reference("jpeg-q10")(images[:1])[0], np.asarray(Image.open(file)))


def test_names_what_there_is():
    with pytest.raises(ValueError, match="jpeg-q10"):
        open_reference("webp")
    with pytest.raises(ValueError, match="uint8"):
        open_reference("identity")(np.zeros((1, 8, 8, 3), np.float32))
