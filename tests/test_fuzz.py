"""What readers of untrusted input do with input made at random: they read it or name its fault, soon; nothing else."""

import io
import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from curate.omnidoc import AnnotationError, blocks_of, read_annotations
from curate.picture import BadImage, Picture
from curate.rulesfile import dump_rules, parse_rules
from pipelines import curating, mixing
from pipelines.archives import RowReader, parquet_entries, tar_entries
from pipelines.settings import load_settings
from pipelines.shards.files import read_manifest, shard_name, sidecar_name, sum_counts, verify_shard
from pipelines.shards.folder import Folder
from tests.curate.pictures import blocks, encoded
from tests.pipelines.test_sources import tar_of
from tests.train.shards import pages, write
from train import crops
from train.checkpoint import Checkpoint, Checkpoints, read_checkpoint
from train.parquet import open_images, read_part, shards_of
from train.picture_files import BadPicture, read_picture
from train.settings import load_run
from train.vae import Vae, VaeConfig, read_config

ROOT = Path(__file__).parents[1]
NESTED = "[" * 100_000
LAUGHS = (
    "{a: &a [x, x, x, x, x, x, x, x, x, x], "
    + ", ".join(f"{one}: &{one} [{', '.join([f'*{before}'] * 10)}]" for before, one in pairwise("abcdefghijklm"))
    + "}"
)  # 10^13 items, were they ever written out


def few(max_examples: int) -> settings:
    """The same examples on every machine, as many as the time allows; a hang is pytest-timeout's."""
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=max_examples, derandomize=True, database=None, deadline=None, suppress_health_check=checks
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FLIPS = st.lists(st.tuples(st.sampled_from([0.0, 0.9]), st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=6)


def spoiled(data: bytes, flips: list[tuple[float, float, int]], kept: float) -> bytes:
    """Some bytes changed, half of them near the end, where Parquet has its plan; cut at a share of the length."""
    found = bytearray(data)
    for start, place, change in flips:
        at = min(len(found) - 1, int(len(found) * (start + place * (1 - start))))
        found[at] ^= change
    return bytes(found[: max(1, int(len(found) * kept))])


KEPT = st.sampled_from([1.0, 1.0, 1.0, 0.97, 0.5])


def values_of(known: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Mappings of known names, to what belongs there or not."""
    return st.fixed_dictionaries({}, optional={name: kind | JSON for name, kind in known.items()})


NUMBERS = st.floats(-1e7, 1e9) | st.integers(-(2**70), 2**70)
PARTS = values_of(
    {
        "category_type": st.sampled_from(["text_block", "figure"]),
        "poly": st.lists(NUMBERS, min_size=7, max_size=9),
        "text": st.text(max_size=20),
        "ignore": st.booleans(),
        "attribute": values_of({"text_rotate": st.sampled_from(["normal", "rotate90"])}),
    }
)
PAGES = values_of(
    {
        "page_info": values_of(
            {
                "image_path": st.sampled_from(
                    ["a.jpg", "../up.jpg", "/etc/passwd", "x/./b.png", "\\\\host\\c.png", ""]
                ),
                "page_attribute": values_of({"data_source": st.text(max_size=5)}),
            }
        ),
        "layout_dets": st.lists(PARTS | JSON, max_size=4),
    }
)


@few(300)
@given(st.lists(PAGES | JSON, max_size=3) | JSON)
def test_annotations_are_read_or_named(pages: Any):
    data = json.dumps(pages).encode()
    try:
        found = read_annotations(data)
    except AnnotationError as error:
        assert str(error)
        return

    for page in found:
        assert page.fault or not {"..", ""} & set(page.image.split("/"))
        kept, skipped = blocks_of(page.parts, 300, 200)
        assert len(kept) + skipped.total() == len(page.parts)
        assert all(0 <= one.box.left < one.box.right <= 300 and one.box.bottom <= 200 for one in kept)


@few(100)
@given(st.binary(max_size=60))
@example(NESTED.encode())
@example(b'[{"page_info": "\\ud800"}]')
def test_annotations_that_are_no_json_are_named(data: bytes):
    try:
        found = read_annotations(data)
    except AnnotationError as error:
        assert str(error)
    else:
        assert all(page.image for page in found)


def recipe_readers(folder: Path) -> dict[str, tuple[Callable[[str], object], Path]]:
    """Each reader of recipes, and a recipe of it."""
    return {
        "render": (load_settings, ROOT / "pipelines/recipes/f16.yaml"),
        "curate": (curating.load_parts, next((ROOT / "pipelines/recipes/curate").glob("*.yaml"))),
        "mix": (
            lambda path: mixing.parse_settings(["--recipe", path, "--inputs", "x"]),
            next((ROOT / "pipelines/recipes/mix").glob("*.yaml")),
        ),
        "train": (lambda path: load_run(path).curriculum(), ROOT / "train/recipes/tiny.yaml"),
    }


RECIPES = ("render", "curate", "mix", "train")


@cache
def known_values(reader: str) -> dict[str, Any]:
    values = yaml.safe_load(recipe_readers(Path())[reader][1].read_text()) or {}
    extra = {"render": {"bands": "5-7=1", "seed": 1, "photos": ["x"]}, "curate": {"source": ["x"], "shuffle_seed": 1, "rules": ["general"]},
             "mix": {"ratios": "general=1", "seed": 1}, "train": {}}[reader]  # fmt: skip
    return {**extra, **values}


def is_read_or_named(reader: str, text: str, folder: Path) -> bool:
    """Whether a recipe was read; it is else refused by a message that is not endless."""
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        recipe_readers(folder)[reader][0](str(path))
    except (ValueError, SystemExit) as error:
        assert 0 < len(str(error)) < 20_000
        return False
    return True


@pytest.mark.parametrize("reader", RECIPES)
def test_recipes_are_read_or_named(reader: str, tmp_path: Path):
    known = known_values(reader)
    assert is_read_or_named(reader, yaml.safe_dump(known), tmp_path)
    odd: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
        st.sampled_from(sorted(known)), JSON | st.just([{}]) | st.just({"general": -1}), min_size=1, max_size=2
    )

    @few(40)
    @given(odd)
    def check(changes: dict[str, Any]) -> None:
        is_read_or_named(reader, yaml.safe_dump(known | changes), tmp_path)

    check()


@pytest.mark.parametrize("reader", RECIPES)
def test_text_that_is_no_recipe_is_named(reader: str, tmp_path: Path):
    name = sorted(known_values(reader))[0]
    for text in (NESTED, LAUGHS, f"{name}: {LAUGHS}", f"{name}: &a [*a]\n", "a: b: c", "\t- x", "!!python/object/apply:os.system [true]",
                 f"{name}: !!python/name:os.system", "- 1", "7", "\ud800", f"{name}: .inf", f"{name}: 2001-01-01", f"? [{name}]\n: 1",
                 f"{name}: {'9' * 5000}"):  # fmt: skip
        assert not is_read_or_named(reader, text, tmp_path), text[:40]


RULE = values_of({"column": st.sampled_from(["clarity", "min(width_px, 3)", "((("]), "at_least": st.sampled_from([1, 0.5, "10%", "200%"]),
                  "where": st.sampled_from(["a > 1", 'matches(path, "*")', "__import__('os')"]), "missing": st.sampled_from(["keep", "drop"])})  # fmt: skip
SELECTION = values_of(
    {
        "kind": st.sampled_from(["general", "text"]),
        "rules": st.lists(RULE, max_size=3),
        "extends": st.sampled_from(["a", "b"]),
        "weight": values_of({"column": st.just("clarity"), "at": NUMBERS, "exponent": NUMBERS}),
        "categories": st.lists(
            values_of({"name": st.text(max_size=4), "share": NUMBERS, "where": st.just("a > 1")}), max_size=2
        ),
    }
)


@few(200)
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), SELECTION | JSON, max_size=3) | JSON)
def test_rules_are_read_or_named(values: Any):
    try:
        found = parse_rules(yaml.safe_dump(values), "fuzz.yaml")
    except ValueError as error:
        assert str(error).startswith("rules fuzz.yaml: ")
        return

    assert parse_rules(dump_rules(found), "again").keys() == found.keys()


@pytest.mark.parametrize("text", [NESTED, LAUGHS, f"a: {LAUGHS}", f"a: {{rules: {LAUGHS}}}", f"a: {{rules: [{LAUGHS}]}}", f"a: {{rules: [{{column: {LAUGHS}}}]}}", "a: &a {extends: *a}", "a: {rules: [{column: " + "(" * 5000 + "}]}",
                                  "a: {rules: [{column: " + "-" * 5000 + "x, at_least: 1}]}", "!!python/object/apply:os.system [true]",
                                  "a: {rules: [{column: '" + "x + " * 5000 + "x', at_least: 1}]}"])  # fmt: skip
def test_text_that_is_no_rules_file_is_named(text: str):
    with pytest.raises(ValueError, match=r"rules fuzz\.yaml: ") as caught:
        parse_rules(text, "fuzz.yaml")

    assert len(str(caught.value)) < 20_000


@pytest.fixture(scope="module")
def shard_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One shard of eight pages; not to be changed."""
    return Path(write(pages(8, side_px=48, shard_rows=8), tmp_path_factory.mktemp("shards") / "set"))


def copied(shard_folder: Path, to: Path, name: str, data: bytes) -> Folder:
    """The folder with another file in one place."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(shard_folder, to)
    (to / name).write_bytes(data)
    return Folder(str(to))


def trained_on(folder: Folder) -> None:
    for shard in shards_of(folder):
        part = read_part(shard)
        for group in range(len(part.group_rows)):
            for image in open_images(shard, group):
                try:
                    crops.crop(
                        image.as_py() or b"", crops.Cut(size=(32, 32), native=True, down=0, right=0, mirrored=False)
                    )
                except crops.BadImage:
                    continue


def curated(folder: Folder) -> None:
    reader = RowReader(folder.open)
    for entry in parquet_entries(folder.open(shard_name(0)), shard_name(0), Counter()):
        try:
            if not entry.fault:
                Picture(reader.read(entry.container, entry.row_group, entry.row)).rgb  # noqa: B018
        except BadImage:
            continue


@pytest.mark.parametrize("use", [trained_on, curated])
def test_a_spoiled_shard_is_read_or_named(shard_folder: Path, use: Callable[[Folder], None], tmp_path: Path):
    whole = (shard_folder / shard_name(0)).read_bytes()
    info = read_manifest(Folder(str(shard_folder)))[0]

    @few(150)
    @given(FLIPS, KEPT)
    def check(flips: list[tuple[float, float, int]], kept: float) -> None:
        data = spoiled(whole, flips, kept)
        folder = copied(shard_folder, tmp_path / "set", shard_name(0), data)
        assert (verify_shard(folder, info) == "") == (data == whole)
        try:
            use(folder)
        except (ValueError, OSError) as error:
            assert "000000.parquet" in str(error)

    check()


@few(150)
@given(FLIPS, KEPT)
def test_a_spoiled_sidecar_is_read_or_its_shard_is_missing(shard_folder: Path, tmp_path_factory, flips, kept):
    whole = (shard_folder / sidecar_name(0)).read_bytes()
    folder = copied(
        shard_folder, tmp_path_factory.getbasetemp() / "sidecar", sidecar_name(0), spoiled(whole, flips, kept)
    )

    there, counts = read_manifest(folder), sum_counts(folder)

    assert there.keys() <= {0}
    assert all(isinstance(count, int) for count in counts.values())


@few(100)
@given(
    JSON
    | st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("index", "num_rows", "num_bytes", "sha256", "counts", "versions"), JSON)
    )
)
@example({"counts": {"a": None}})
@example({"num_rows": 2**70})
@example(NESTED)
def test_any_json_as_a_sidecar(shard_folder: Path, tmp_path_factory, values: Any):
    whole = json.loads((shard_folder / sidecar_name(0)).read_bytes())
    text = values if values == NESTED else json.dumps(whole | values if isinstance(values, dict) else values)
    folder = copied(shard_folder, tmp_path_factory.getbasetemp() / "sidecar", sidecar_name(0), text.encode())

    assert read_manifest(folder).keys() <= {0}
    assert all(isinstance(count, int) for count in sum_counts(folder).values())


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    tensors = {"weights": {"a": torch.arange(6.0).reshape(2, 3)}, "optimiser": {"b": torch.ones(2)}}
    saved = Checkpoint(tensors=tensors, numbers={"num_images": 8, "stage_index": 0, "loader": None})
    return Checkpoints(tmp_path_factory.mktemp("run") / "checkpoints", keep=1).save(8, saved)


def test_a_spoiled_checkpoint_is_read_or_named(checkpoint: Path, tmp_path: Path):
    whole = json.loads((checkpoint / "state.json").read_text())
    target = tmp_path / "copy"
    shutil.copytree(checkpoint, target)

    @few(150)
    @given(
        st.tuples(st.sampled_from(["state.json", "weights.safetensors"]), FLIPS, KEPT)
        | JSON
        | st.builds(
            lambda values: whole | {"files": values}, JSON | st.just({"../../x": "0"}) | st.just({"state.json": 1})
        )
        | st.builds(lambda values: whole | {"numbers": values}, JSON)
    )
    @example(NESTED)
    def check(change: Any) -> None:
        for path in checkpoint.iterdir():
            shutil.copy(path, target / path.name)
        if isinstance(change, tuple):
            name, flips, kept = change
            (target / name).write_bytes(spoiled((checkpoint / name).read_bytes(), flips, kept))
        else:
            (target / "state.json").write_text(change if change == NESTED else json.dumps(change))
        try:
            found = read_checkpoint(target)
        except ValueError as error:
            assert f"checkpoint {target} is damaged" in str(error)
        else:
            assert isinstance(found.numbers, dict)

    check()


def test_any_configuration_of_a_model_is_read_or_named(tmp_path: Path):
    Vae(VaeConfig(factor=8, latent_channels=12, encoder_width=4, decoder_width=4)).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    whole = json.loads(path.read_text())

    @few(200)
    @given(st.dictionaries(st.sampled_from(sorted(whole)), JSON | NUMBERS, max_size=2) | JSON)
    @example({"encoder_width": 10**9})
    @example({"factor": 2**60})
    @example({"latents_mean": ["x"] * 12})
    @example(NESTED)
    def check(change: Any) -> None:
        values = whole | change if isinstance(change, dict) else change
        path.write_text(change if change == NESTED else json.dumps(values))
        try:
            config = read_config(tmp_path)
        except ValueError as error:
            assert f"{path} is no configuration of ours" in str(error)
        else:
            assert max(config.encoder_width, config.decoder_width, config.latent_channels) <= 8192
            json.dumps(asdict(config), allow_nan=False)

    check()


FILES = {fmt: encoded(blocks(3, 96, 80), fmt) for fmt in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")}


@pytest.mark.parametrize("fmt", FILES)
@pytest.mark.filterwarnings("ignore")  # of Pillow, about metadata
def test_a_spoiled_picture_is_read_or_named(fmt: str, tmp_path: Path):
    @few(60)
    @given(FLIPS, KEPT, st.booleans())
    def check(flips: list[tuple[float, float, int]], kept: float, in_header: bool) -> None:
        place = 0.03 if in_header else 1.0
        data = spoiled(
            FILES[fmt], [(0.0 if in_header else start, at * place, change) for start, at, change in flips], kept
        )
        (tmp_path / "picture.png").write_bytes(data)
        for read, fault in (
            (lambda: Picture(data).rgb, BadImage),
            (lambda: crops.decode(data) if crops.header_size(data) else None, crops.BadImage),
            (lambda: read_picture(tmp_path / "picture.png"), BadPicture),
        ):
            try:
                pixels = read()
            except fault as error:
                assert str(error)
            else:
                assert pixels.dtype == np.uint8
                assert pixels.ndim == 3

    check()


@few(150)
@given(FLIPS, KEPT)
def test_a_spoiled_tar_is_listed_to_its_end(flips, kept):
    whole = tar_of({f"{name}.png": FILES["PNG"] for name in range(3)}, {"1.png": {"comment": "x" * 40}})
    data = spoiled(whole, flips, kept)

    entries = list(tar_entries(io.BytesIO(data), "t.tar", Counter()))

    assert len(entries) <= 4
    assert all(entry.fault or (entry.offset >= 0 and entry.length >= 0) for entry in entries)
