"""Which device a rank computes on."""

import pytest
import torch

from train.world import _device_of_rank, choose_device, open_world


@pytest.mark.parametrize("name", ["gpu", "meta", "privateuseone", "cuda:99", "mps"])
def test_a_device_that_is_not_there_is_told_in_a_sentence(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^device is '{name}'.*: choose auto") as told, open_world(name):
        pass

    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 300
    with pytest.raises(ValueError, match=rf"^device is '{name}', which cannot be used here"):
        choose_device(name)


def test_a_rank_touches_no_gpu_but_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    touched: list[str] = []
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 8)
    monkeypatch.setattr("torch.cuda.set_device", lambda device: touched.append(str(device)))

    def choose(name: str) -> torch.device:
        touched.append(name)
        return torch.device(name)

    monkeypatch.setattr("train.world.choose_device", choose)

    assert [str(_device_of_rank(name, 3, 8)) for name in ("auto", "cuda")] == ["cuda:3"] * 2
    assert str(_device_of_rank("cuda:1", 0, 1)) == "cuda:1"
    assert set(touched) == {"cuda:3", "cuda:1"}
    with pytest.raises(ValueError, match="of several ranks each takes a GPU of its own; choose them by CUDA_VISIBLE"):
        _device_of_rank("cuda:1", 3, 8)
