"""What several files of these tests begin with; nothing of it is to be changed but `pairs`."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.train.evaluations import page, spoiled
from tests.train.evaluations import write as write_picture
from tests.train.loading import write_folders
from tests.train.runs import small_run, write_run_data
from train.feeding.corpus import Corpus
from train.training import train


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """gt/ and recon/ with four pairs."""
    for number in range(4):
        write_picture(tmp_path / "gt", f"{number}.png", page(number))
        write_picture(tmp_path / "recon", f"{number}.png", spoiled(page(number)))
    return tmp_path


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    """Tiny random networks of transformers, and the folders that save_pretrained wrote of them."""
    from tests.train.transformers_networks import save_networks

    return save_networks(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Shards of pages (64 px), of photographs and of photographed text."""
    return write_folders(tmp_path_factory.mktemp("folders"))


@pytest.fixture(scope="session")
def corpus(folders: dict[str, str]) -> Corpus:
    return Corpus.of([folders["pages"], folders["photos"], folders["texts"]])


@pytest.fixture(scope="session")
def only_pages(folders: dict[str, str]) -> Corpus:
    return Corpus.of([folders["pages"]])


@pytest.fixture(scope="session")
def run_data(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The shards of `whole`."""
    return write_run_data(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="session")
def whole(run_data: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert train(small_run(run_data, out))
    return out
