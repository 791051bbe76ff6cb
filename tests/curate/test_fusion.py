"""The fitted networks give a picture the same numbers wherever and with whichever others it is scored."""

import numpy as np
import pytest

from curate.fusion import shipped_nets


@pytest.mark.parametrize("name", sorted(shipped_nets()))
def test_a_row_does_not_depend_on_the_rows_beside_it(name: str):
    net = shipped_nets()[name]
    rows = net.mean + net.scale * np.random.default_rng(1).normal(size=(64, len(net.names)))
    together = net.logits(rows)

    assert np.allclose(
        together, np.tanh((rows - net.mean) / net.scale @ net.hidden + net.bias) @ net.out + net.constant
    )
    assert together.tolist() == [net.logits(row[None])[0] for row in rows]
