"""Makes what the ablation trains on and is measured on, once, by the pipelines; checks that the sides share nothing.

WORK/data: photos/SIDE, uncurated, curated/packed/general, pages, pages-on-photos, black-on-white; held-out/text-images
(page-*.png, screen-*.png, drawn-*.png), held-out/photo-images, held-out/photos (the same as a shard), held-out/charts.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.rendered.verification import Redrawer, sources_of
from pipelines.shards.codec import encode
from pipelines.shards.folder import Folder
from pipelines.shards.identity import JOB_FILE
from pipelines.shards.rows import Rows
from render.scene import Ground, Paint, Scene
from tests.bench.ablation_sources import (
    HELD_OUT,
    HELD_OUT_DPI,
    SCREEN_DPI,
    TRAIN,
    TRAIN_DPI,
    Sources,
    copy_photos,
    encoded,
    page_tiles,
    photo_tiles,
    row_of,
    write_shards,
    write_uncurated,
)

ROOT = Path(__file__).resolve().parents[2]
PAGES_EACH, TILES_EACH = 6, 3  # of a document that is trained on
HELD_OUT_PAGES_EACH = 2
NUM_DRAWN = 24  # rendered on photographs that are held out
SEEDS = {"pages-on-photos": 3, "held-out/drawn": 4, "held-out/charts": 5}
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
INLINE = ("--backend", "inline", "--workers", "0")


def call(script: str, *args: str, log: Path) -> float:
    """Run one of the project's scripts as a user does, with one thread; its CPU seconds.

    Raises RuntimeError with the end of what it said.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        print(f"$ python {script} {' '.join(args)}", file=file, flush=True)
        command = [sys.executable, str(ROOT / script), *args]
        process = subprocess.Popen(command, stdout=file, stderr=file, env=os.environ | ONE_THREAD, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)  # of this child alone, whatever runs beside it
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = log.read_text(encoding="utf-8").strip().splitlines()[-5:]
        raise RuntimeError(f"{script} ended with {process.returncode}, see {log}:\n" + "\n".join(said))
    return usage.ru_utime + usage.ru_stime


def make_data(real: Path, work: Path, num_pages: int) -> dict[str, Any]:
    """All of it, or what is said of it where it is there: counts, what curation kept, CPU seconds.

    num_pages: synthetic pages to train on, 256 px. Raises ValueError where others are there.
    """
    folder, about = work / "data", work / "data" / "about.json"
    if about.is_file():
        there: dict[str, Any] = json.loads(about.read_bytes())
        if there["pages_rendered"] != num_pages:
            raise ValueError(f"{folder} has {there['pages_rendered']} pages, not {num_pages}: name another --work")
        return there
    start, sources = _spent(), Sources.of(real)
    for side in (TRAIN, HELD_OUT):
        copy_photos(sources.photos[side], folder / "photos" / side)
    found = _general(sources, folder) | _text(sources, real, folder, num_pages) | _held_out(sources, real, folder)
    check_sides(sources, folder)
    found |= {"cpu_s": round(_spent() - start), "date": time.strftime("%Y-%m-%d")}
    about.write_text(json.dumps(found, indent=2) + "\n")
    return found


def _spent() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _general(sources: Sources, folder: Path) -> dict[str, Any]:
    """The photographs, a third of them spoiled, and what the rules `general` keep of them."""
    log, raw, curated = folder / "make.log", folder / "uncurated", folder / "curated"
    spoiled = write_uncurated(sources.photos[TRAIN], raw / "files")
    files = sorted((raw / "files").iterdir())
    write_shards([{"image": file.read_bytes()} for file in files], raw / "shards")
    out = ["--out", str(curated)]
    call("pipelines/curate.py", "score", "--source", str(raw / "files"), "--ocr", "none", *INLINE, *out, log=log)
    call("pipelines/curate.py", "select", "--rules", "general", *out, log=log)
    call("pipelines/curate.py", "pack", "--rules", "general", *INLINE, *out, log=log)
    kept = {Path(row["source"]).stem for row in _rows(curated / "packed/general", ["source"])}
    bad = {Path(name).stem for name in spoiled}
    return {
        "photos": len(files),
        "photos_spoiled": len(spoiled),
        "photos_kept": len(kept),
        "spoiled_kept": sorted(kept & bad),
    }


def _rows(folder: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    for table in Rows(Folder(str(folder))).tables(columns):
        yield from table.to_pylist()


def _text(sources: Sources, real: Path, folder: Path, num_pages: int) -> dict[str, Any]:
    """Pages of documents; pages rendered on photographs; and the same pages again, black on white."""
    tiles = encoded(list(page_tiles(sources.documents[TRAIN], TRAIN_DPI, PAGES_EACH, TILES_EACH)))
    write_shards(tiles, folder / "pages")
    render(real, folder, TRAIN, num_pages, "pages-on-photos")
    plain = list(black_on_white(folder / "pages-on-photos"))
    write_shards(plain, folder / "black-on-white")
    return {"page_tiles": len(tiles), "pages_rendered": len(plain)}


def render(real: Path, folder: Path, side: str, num_pages: int, name: str, *more: str) -> None:
    """Pages of 256 px by the default recipe, on the photographs of a side."""
    texts = ["--corpus", *(str(real / "corpora" / language) for language in ("en", "zh-hans"))]
    given = [*photos_of(folder, side), "--image-size", "256", "--seed", str(SEEDS[name])]
    count = ["--num-images", str(num_pages), "--images-per-shard", str(max(24, num_pages // 4))]
    given += texts if side == TRAIN else []  # held-out pages hold generated text
    out = ["--out", str(folder / name)]
    call("pipelines/render.py", *given, *count, *more, *INLINE, *out, log=folder / "make.log")


def photos_of(folder: Path, side: str) -> list[str]:
    """The flags that name a side's photographs and the index that all who draw on them share."""
    return ["--photos", str(folder / "photos" / side), "--photo-index", str(folder / f"photo-index-{side}")]


def black_on_white(rendered: Path) -> Iterator[dict[str, object]]:
    """The rows of a rendered set drawn again: the same texts, faces, sizes and places, ink black, paper white."""
    folder = Folder(str(rendered))
    known = sources_of(folder)
    identity = json.loads(folder.read(JOB_FILE))["identity"]
    redrawer = Redrawer(identity, known["fonts"], known["photo_index"])
    for row in _rows(rendered, ["scene", "kind", "band"]):
        image = redrawer.draw(plain(Scene.from_json(row["scene"]))).image
        yield row_of(encode(image)) | {"kind": row["kind"], "band": row["band"]}


def plain(scene: Scene) -> Scene:
    """A scene without ground, shapes, effects and colours."""
    paints = tuple(Paint(inks=("#000000",) * len(paint.inks)) for paint in scene.paints)
    return replace(scene, ground=Ground(kind="paper", colours=("#ffffff",)), shapes=(), paints=paints, effects=())


def _held_out(sources: Sources, real: Path, folder: Path) -> dict[str, Any]:
    """What is measured on: pages, pages rendered on photographs, photographs, and charts."""
    target = folder / "held-out"
    pages, screen = (
        [encode(tile) for _, tile in page_tiles(sources.documents[HELD_OUT], dpis, HELD_OUT_PAGES_EACH, 1)]
        for dpis in (HELD_OUT_DPI, SCREEN_DPI)
    )
    photos = list(photo_tiles(sources.photos[HELD_OUT]))
    render(real, folder, HELD_OUT, NUM_DRAWN, "held-out/drawn", "--bands", "14-20=1")
    drawn = [row["image"]["bytes"] for row in _rows(target / "drawn", ["image"])]
    _write_images(target / "text-images", page=pages, screen=screen, drawn=drawn)
    _write_images(target / "photo-images", photo=[encode(tile) for _, tile in photos])
    write_shards(encoded(photos), target / "photos", num_shards=1)
    given = [*photos_of(folder, HELD_OUT), "--charts-per-cell", "1", "--seed", str(SEEDS["held-out/charts"])]
    out = ["--out", str(target / "charts")]
    call("pipelines/acuity.py", *given, *INLINE, *out, log=folder / "make.log")
    return {"held_out_pages": len(pages), "held_out_drawn": len(drawn), "held_out_photos": len(photos)}


def _write_images(folder: Path, **images: Sequence[bytes]) -> None:
    """PNG files called by what they show."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, files in images.items():
        for number, image in enumerate(files):
            (folder / f"{kind}-{number:03d}.png").write_bytes(image)


def check_sides(sources: Sources, folder: Path) -> None:
    """No file is on both sides, and what was rendered or charted lies on photographs of its own side alone."""
    sides = {side: sources.digests(side) for side in (TRAIN, HELD_OUT)}
    assert not sides[TRAIN] & sides[HELD_OUT], "a file lies on both sides"
    for side, names in ((TRAIN, ("pages-on-photos",)), (HELD_OUT, ("held-out/drawn", "held-out/charts"))):
        for name in names:
            used = photos_under(folder / name)
            assert used, f"{name} lies on no photograph"
            assert used <= sides[side], f"{name} lies on photographs that are not of the side {side}"


def photos_under(folder: Path) -> set[str]:
    """The sha256 of the photographs that a rendered set or charts lie on."""
    crops = [json.loads(row["scene"])["ground"].get("crop") for row in _rows(folder, ["scene"])]
    return {crop["sha256"] for crop in crops if crop}
