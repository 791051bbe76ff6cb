"""What a run needs on this machine, each found or missing with what to do: nothing is downloaded or made."""

from collections.abc import Callable
from pathlib import Path

from train.building import check_architecture
from train.checkpoint import ARCHITECTURE, CHECKPOINTS, Checkpoints, is_checkpoint, read_numbers
from train.estimate import describe_data, told
from train.feeding.corpus import split_kind
from train.settings import Run
from train.teachers.perceptual import find_linear, find_trunk
from train.teachers.semantic import WEIGHT_FILES, WITHOUT, find_folder
from train.vae_config import architecture_of, read_config

FOUND, MISSING, UNFIT = "found", "MISSING", "UNFIT"


def describe_needs(run: Run) -> str:
    """A line for each thing that the run reads: found, MISSING, or UNFIT where it is there and would be refused."""
    needs = {"data": _data} | ({"init": _init} if run.model.init else {})
    stages = run.curriculum().stages
    if any(stage.lpips_weight > 0 for stage in stages):
        needs["LPIPS"] = _lpips
    if any(stage.align_weight > 0 for stage in stages) and not run.model.freeze_encoder:
        needs["teacher"] = _teacher
    found = {name: _state(look, run) for name, look in needs.items()}
    lines = [line for name, (state, text) in found.items() for line in told(name, text, state)]
    lacking = [name for name, (state, _) in found.items() if state != FOUND]
    ready = f"not here, or unfit: {', '.join(lacking)}" if lacking else "all that it reads is here"
    return "\n".join([*lines, ready])


def _state(look: Callable[[Run], str], run: Run) -> tuple[str, str]:
    """How a look went, and what it gave."""
    try:
        return FOUND, look(run)
    except FileNotFoundError as error:  # MissingWeights too
        return MISSING, str(error)
    except (ValueError, OSError) as error:
        return UNFIT, str(error)


def _data(run: Run) -> str:
    if not run.execution.data:
        raise FileNotFoundError("no folder is named: name folders of shards with --data")
    for name in (*run.execution.data, *run.execution.held_out):
        path, _ = split_kind(name)
        if "://" not in path and not Path(path).exists():
            raise FileNotFoundError(f"{path}: name folders that are on this machine, or an fsspec URL")
    return describe_data(run)


def _init(run: Run) -> str:
    """The model to begin from, of the same make; a run that goes on has what it needs in its checkpoint."""
    init = Path(run.model.init)
    if not init.exists():
        if Checkpoints(Path(run.execution.out) / CHECKPOINTS, 1).names():
            return f"{init} is gone, and not needed: the run goes on from its checkpoints in {run.execution.out}"
        raise FileNotFoundError(f"{init}: name a model's folder, or a run's OUT/checkpoints/IMAGES, with --init")
    is_numbered = is_checkpoint(init)  # whose tensors are not read here
    there = read_numbers(init).get(ARCHITECTURE, {}) if is_numbered else architecture_of(read_config(init))
    check_architecture(str(init), there, run.model.config())
    return str(init)


def _lpips(run: Run) -> str:
    return f"{find_trunk(run.terms.lpips_trunk)}, {find_linear()}"


def _teacher(run: Run) -> str:
    """The teacher's folder, or its place in the hub's cache, which alone is looked into."""
    name = run.terms.teacher
    if name == "random":
        return "random weights: they show the speed and teach nothing"
    if Path(name).expanduser().is_dir() or name.count("/") > 1 or name.startswith(("/", "~", ".")):
        return _whole(find_folder(name))
    return _cached(name)


def _whole(folder: Path) -> str:
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{folder} holds no config.json: name a teacher's folder with --teacher, or {WITHOUT}")
    if not any((folder / name).is_file() for name in WEIGHT_FILES):
        raise FileNotFoundError(f"{folder} holds neither {' nor '.join(WEIGHT_FILES)}: download it whole, or {WITHOUT}")
    return str(folder)


def _cached(name: str) -> str:
    from huggingface_hub import try_to_load_from_cache  # only where it is asked for: half a second

    config, *weights = (try_to_load_from_cache(name, file) for file in ("config.json", *WEIGHT_FILES))
    if isinstance(config, str) and any(isinstance(path, str) for path in weights):
        return f"{name} in the hub's cache, {Path(config).parent}"
    raise FileNotFoundError(
        f"{name} is no local folder and not in the hub's cache: the run would ask the hub for it. Where it has no "
        f"network: hf download {name} config.json model.safetensors --local-dir DIR, then --teacher DIR. To train "
        f"without this term: {WITHOUT}"
    )
