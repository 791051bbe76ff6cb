"""How many images of each configuration make a split of exact ratios."""

from collections.abc import Iterable, Mapping, Sequence

from pipelines.mixture.inputs import config_order
from pipelines.mixture.settings import EVERYTHING, Mixture
from render.mix import Mix


def targets(ratios: Mix, available: Mapping[str, int], num_images: int = 0) -> dict[str, int]:
    """Images to take of each configuration, `num_images` in all, or as many as the ratios allow where that is 0.

    A ratio is for a configuration, or for all whose names begin with it, which share it by what they have.
    Raises ValueError where more is asked for than there is.
    """
    groups = {name: members(name, available) for name in ratios.names}
    there = {name: sum(available[config] for config in configs) for name, configs in groups.items()}
    most = _most(ratios, there)
    if num_images > most:
        raise ValueError(f"num_images is {num_images:,}: {_scarce(ratios, there, num_images)}; give at most {most:,}")
    found: dict[str, int] = {}
    for name, count in ratios.counts(num_images or most).items():
        found |= _spread({config: available[config] for config in groups.get(name, ())}, count)
    return {config: count for config, count in found.items() if count}


def members(name: str, configs: Iterable[str]) -> tuple[str, ...]:
    """The configurations that a ratio's name stands for."""
    return tuple(one for one in configs if name == EVERYTHING or one == name or one.startswith(f"{name}-"))


def check_ratios(ratios: Mix, configs: Iterable[str]) -> None:
    """Raise ValueError for a ratio of which the inputs hold nothing, and for two that claim one configuration."""
    known, owners = sorted(configs, key=config_order), dict[str, str]()
    for name in ratios.names:
        found = members(name, known)
        if not found:
            raise ValueError(_absent(ratios, known))
        for config in found:
            if other := owners.get(config):
                raise ValueError(f"ratios {other!r} and {name!r} both take {config}: leave one of them out")
            owners[config] = name


def _absent(ratios: Mix, known: Sequence[str]) -> str:
    """What to say of ratios of which there is no image, with those that can be had."""
    default = " (the default, as no others are given)" if ratios == Mixture().ratios else ""
    absent = ", ".join(repr(name) for name in ratios.names if not members(name, known))
    left = {one: share for one, share in ratios.shares if share > 0 and members(one, known)}
    total = sum(left.values())
    shares = ",".join(f"{one}={share / total:.3g}" for one, share in left.items()) or EVERYTHING
    return (
        f"ratios {ratios}{default} name {absent}, of which the inputs hold no image: they have {', '.join(known)}; "
        f"name inputs that have it, or leave it out: --ratios {shares}"
    )


def _most(ratios: Mix, there: Mapping[str, int]) -> int:
    """The largest number of images whose counts by the ratios are all there."""
    total = sum(share for _, share in ratios.shares)
    most = min(int(there[name] * total / share + 1e-9) for name, share in ratios.shares if share > 0)
    while most and any(count > there.get(name, 0) for name, count in ratios.counts(most).items()):
        most -= 1
    return most


def _scarce(ratios: Mix, there: Mapping[str, int], num_images: int) -> str:
    counts = ratios.counts(num_images)
    short = [name for name in there if counts[name] > there[name]]
    return ", ".join(f"{name} has {there[name]:,} of the {counts[name]:,} that its ratio asks for" for name in short)


def _spread(available: Mapping[str, int], count: int) -> dict[str, int]:
    """`count` images over configurations in proportion to what each has."""
    return Mix.of(available).counts(count) if count else {}
