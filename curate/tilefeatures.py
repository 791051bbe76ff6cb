"""What the tiles of a picture say together: one row of named numbers, from which the scores are made."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.cepstrum import dips
from curate.edges import edge_ratios
from curate.noise import noise_and_grain
from curate.picture import Pixels
from curate.resampling import comb, profiles
from curate.spectrum import NUM_BANDS, log_spectra, mean_log, powers
from curate.tiles import choose_tiles

Values = NDArray[np.float32]

MIDDLE, RIM = 0.66, 0.4  # centrality over the one, under the other
REFERENCE_BAND = 1  # slopes of a direction are taken from here
FINE_BANDS = range(3, NUM_BANDS)
MIN_TILES = 3  # with edges of a direction, for it to count
NO_EDGES = {"fine": 1.0, "middle": 1.2, "mean": 1.2}  # ratios taken where no edge stands out


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All that is measured of the tiles of one picture; n tiles."""

    spectra: NDArray[np.float32]  # (n, 8, 10) see `log_spectra`
    mean_log: NDArray[np.float32]  # (64, 33) see `mean_log` of spectrum
    profiles: tuple[NDArray[np.float32], NDArray[np.float32]]  # see `profiles` of resampling
    edges: NDArray[np.float32]  # (n, 4, 4) see `edge_ratios`
    centrality: NDArray[np.float32]  # (n,)
    noise: float  # levels
    grain: float  # 1 for white noise


def measure(grey: Pixels) -> Measured | None:
    """None for a picture with a side under 64 px."""
    tiles = choose_tiles(grey)
    if tiles is None:
        return None
    noise, grain = noise_and_grain(grey)
    power = powers(grey, tiles.top_left)
    return Measured(
        spectra=log_spectra(power),
        mean_log=mean_log(power),
        profiles=profiles(grey),
        edges=edge_ratios(grey, tiles.top_left, noise),
        centrality=tiles.centrality,
        noise=noise,
        grain=grain,
    )


def features(measured: Measured) -> dict[str, float]:
    """The row that `fusion` weighs. Names say what: band_3_p90 is band 3's 90th percentile over tiles."""
    bands = measured.spectra.mean(axis=1)
    named = {"noise": float(np.log(measured.noise + 0.1)), "grain": float(np.log(measured.grain))}
    named |= _quantiles("band", bands, (10, 50, 90))
    named |= _quantiles("slope", (bands - bands[:, [REFERENCE_BAND]])[:, FINE_BANDS], (25, 75, 95))
    named |= _directions(measured.spectra) | _edges(measured.edges)
    return named | comb(*measured.profiles) | dips(measured.mean_log)


def _quantiles(name: str, values: Values, percents: tuple[int, ...]) -> dict[str, float]:
    ordered = np.sort(values, axis=0)
    return {f"{name}_{i}_p{percent}": float(x) for percent in percents for i, x in enumerate(_at(ordered, percent))}


def _at(ordered: Values, percent: float) -> Values:
    """The percentile along the first axis of sorted values, between two of them in proportion."""
    place = (len(ordered) - 1) * percent / 100
    low = int(place)
    share = np.float32(place - low)
    return ordered[low] + share * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])  # type: ignore[no-any-return]


def _directions(spectra: Values) -> dict[str, float]:
    """How far the poorest direction lies under the one across it, and under the mean of all, band by band."""
    tiles = _at(np.sort(spectra - spectra.mean(axis=1, keepdims=True), axis=0), 50)
    across = (tiles - np.roll(tiles, 4, axis=0)).min(axis=0)
    of_each = _at(np.sort(spectra, axis=0), 75)
    slope = of_each - of_each[:, [REFERENCE_BAND]]
    rest = slope.min(axis=0) - slope.mean(axis=0)
    named = {f"turn_{band}": float(rest[band]) for band in FINE_BANDS}
    return named | {f"across_{band}": float(across[band]) for band in range(2, NUM_BANDS)}


def _edges(edges: Values) -> dict[str, float]:
    named = {"num_edges": float(np.log1p(edges[:, :, 3].sum(axis=1).mean()))}
    for which, (name, otherwise) in enumerate(NO_EDGES.items()):
        of_direction = [_known(ratios) for ratios in edges[:, :, which].T]
        best = [float(_at(ratios, 90)) for ratios in of_direction if len(ratios) >= MIN_TILES]
        named[f"{name}_worst"] = min(best, default=otherwise)
        named[f"{name}_best"] = max(best, default=otherwise)
        everywhere = _known(edges[:, :, which].ravel())
        for percent in (25, 50, 75, 90):
            named[f"{name}_p{percent}"] = float(_at(everywhere, percent)) if len(everywhere) else otherwise
    return named


def _known(ratios: Values) -> Values:
    """Without NaN, sorted."""
    return np.sort(ratios[~np.isnan(ratios)])


def subject_features(measured: Measured) -> dict[str, float]:
    """The row for the sharpness of the subject: the middle of the picture, its rim, and the difference."""
    bands = measured.spectra.mean(axis=1)
    of_tile = {
        "low": bands[:, REFERENCE_BAND],
        **{f"slope_{band}": bands[:, band] - bands[:, REFERENCE_BAND] for band in (2, 3, 4, 5, 7)},
        **{name: _filled(measured.edges[:, :, which], other) for which, (name, other) in enumerate(NO_EDGES.items())},
    }
    table = np.stack(list(of_tile.values()), axis=1)
    inside, outside = (_ordered(table, where) for where in (measured.centrality > MIDDLE, measured.centrality < RIM))
    named = {"noise": float(np.log(measured.noise + 0.1))}
    for suffix, percent in (("", 50), ("_best", 85)):
        middle = _at(inside, percent)
        less = middle - _at(outside, percent)
        named |= {f"{name}_middle{suffix}": float(value) for name, value in zip(of_tile, middle, strict=True)}
        named |= {f"{name}{suffix}_less": float(value) for name, value in zip(of_tile, less, strict=True)}
    return named


def _filled(ratios: Values, otherwise: float) -> Values:
    """The mean over the directions of each tile."""
    known = ~np.isnan(ratios)
    total = np.where(known, ratios, 0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), otherwise)


def _ordered(table: Values, where: NDArray[np.bool_]) -> Values:
    """The rows there, each column sorted; all rows where there are none."""
    return np.sort(table[where] if where.any() else table, axis=0)
