"""Whether a rendered dataset is what its sidecars and labels say: shards checked, some images redrawn."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.picture import BadImage
from fonts.catalog import load_catalog
from pipelines.photos import PHOTOS, PhotoIndex, PhotoReader
from pipelines.rendered.summary import SUMMARY_FILE
from pipelines.rendering import boxes, hash8, line_table
from pipelines.shards.codec import decode, encode
from pipelines.shards.files import shard_name, sidecar_name, sidecars, verify_shard
from pipelines.shards.folder import Folder
from pipelines.shards.identity import JOB_FILE, difference, library_versions
from pipelines.shards.record import LINE, BoxTable, LineTable
from pipelines.shards.rows import Rows, spread
from render.draw import Rendering, draw
from render.scene import Crop, Scene

Pixels = NDArray[np.uint8]
SOURCES_FILE = "sources.json"
MAX_MISSING = 1000  # shards that are named
STRAY_PX = 2  # antialiasing and hinting may carry ink this far out of its line's box


@dataclass(slots=True)
class Findings:
    """What verification found: each thing that is wrong, named, and what it could not check."""

    wrong: list[str] = field(default_factory=list)
    num_shards: int = 0
    num_rows: int = 0
    num_redrawn: int = 0
    photos_not_had: list[str] = field(default_factory=list)
    other_versions: list[str] = field(default_factory=list)


def verify(url: str, num_redrawn: int = 50, *, fonts: Sequence[str] = (), photo_index: str = "") -> Findings:
    """Check every shard's bytes and ids, and redraw `num_redrawn` images spread evenly over the dataset.

    fonts, photo_index: where faces and photos come from, by default what the dataset was rendered with.
    Raises ValueError where there is no job or no whole shard.
    """
    folder = Folder(url)
    if not folder.exists(JOB_FILE):
        raise ValueError(f"{folder.url} holds no {JOB_FILE}: name the folder of a rendered dataset")
    job = json.loads(folder.read(JOB_FILE))
    findings = Findings(other_versions=difference(job["versions"], library_versions()))
    findings.wrong += check_shards(folder, _num_told(folder, job["identity"], findings.wrong))
    rows = Rows(folder)
    findings.num_shards, findings.num_rows = len(rows.shards), len(rows)
    findings.wrong += check_ids(rows, job["identity"])
    if num_redrawn:
        known = sources_of(folder)
        redrawer = Redrawer(job["identity"], fonts or known["fonts"], photo_index or known["photo_index"])
        _check_images(findings, rows, num_redrawn, redrawer)
    return findings


def sources_of(folder: Folder) -> dict[str, Any]:
    """Where a dataset's faces and photos came from, as its job wrote it; the defaults where it did not."""
    known = json.loads(folder.read(SOURCES_FILE)) if folder.exists(SOURCES_FILE) else {}
    return {"fonts": ["default"], "photo_index": f"{folder.url}/{PHOTOS}"} | known


def _num_told(folder: Folder, identity: dict[str, Any], wrong: list[str]) -> int:
    """How many shards the summary of the last finished run counts, 0 where none was finished or it is garbled."""
    if not folder.exists(SUMMARY_FILE):
        return 0
    try:
        num_images = int(json.loads(folder.read(SUMMARY_FILE))["images"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        wrong.append(f"{SUMMARY_FILE} is garbled: how many shards there were is not known")
        return 0
    return -(-num_images // int(identity["inputs"]["images_per_shard"]))


def check_shards(folder: Folder, num_told: int = 0) -> Iterator[str]:
    """What is wrong with shards and sidecars: one of `num_told` or between others missing (the first of them), one
    garbled, or a shard of other bytes or rows."""
    infos = {info.index: info for info in sidecars(folder)}
    whole = {sidecar_name(index) for index in infos}
    shards, manifest = set(folder.list("data")), set(folder.list("manifest"))
    for index, info in infos.items():
        if fault := verify_shard(folder, info):
            yield fault
        shards.discard(shard_name(index))
    for name in sorted(shards):
        yield f"{name} has no sidecar that fits it"
    for name in sorted(manifest - whole):
        yield f"{name} is garbled, or its shard is missing or of another size"
    last = max(infos, default=-1)
    missing = (index for index in range(max(last, num_told)) if index not in infos)
    for index in islice(missing, MAX_MISSING):
        yield f"{shard_name(index)} is not there, though {'later shards are' if index < last else 'it was made'}"


def check_ids(rows: Rows, identity: dict[str, Any]) -> Iterator[str]:
    """Each shard whose ids are not its own range of indices, in order."""
    prefix = f"{identity['recipe']['name']}-{hash8(identity)}"
    per_shard = identity["inputs"]["images_per_shard"]
    for shard in rows.shards:
        ids = [name for table in rows.tables(["id"], [shard]) for name in table.column("id").to_pylist()]
        wanted = [f"{prefix}/{index}" for index in range(shard * per_shard, shard * per_shard + len(ids))]
        wrong = [(have, want) for have, want in zip(ids, wanted, strict=True) if have != want]
        if wrong:
            have, want = wrong[0]
            yield f"{shard_name(shard)} has {len(wrong)} wrong ids, the first {have} in place of {want}"
        if len(ids) != per_shard and shard != rows.shards[-1]:
            yield f"{shard_name(shard)} has {len(ids)} rows: all but the last hold {per_shard}"


class Redrawer:
    """Draws records again from their scenes, with the faces and photos they were drawn with."""

    def __init__(self, identity: dict[str, Any], fonts: Sequence[str], photo_index: str) -> None:
        self._identity, self._photo_index = identity, photo_index
        self.faces = load_catalog(fonts)
        self.image_format: str = identity["inputs"]["image_format"]

    def draw(self, scene: Scene) -> Rendering:
        """The scene drawn with a mask. Raises ValueError where a face is another file than it was, or a label
        cannot be true, BadImage where the photo cannot be had."""
        for block in scene.blocks:
            if self.faces[block.face].sha256 != self._identity["faces"][block.face]:
                raise ValueError(f"face {block.face} is another file than it was: give the same --fonts")
        photo = self._photo(scene.ground.crop) if scene.ground.crop else None
        return draw(scene, photo, self.faces, mask=True)

    def _photo(self, crop: Crop) -> Pixels:
        number = self._numbers.get(crop.sha256)
        if number is None:
            raise BadImage("not in the photo index")
        return self._reader.read(number, crop.reduce)

    @cached_property
    def _index(self) -> PhotoIndex:
        try:
            return PhotoIndex.load(self._photo_index)
        except ValueError as error:
            raise BadImage(str(error)) from error

    @cached_property
    def _reader(self) -> PhotoReader:
        return PhotoReader(self._index)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {self._index.photo(number).sha256: number for number in range(len(self._index))}


def _check_images(findings: Findings, rows: Rows, count: int, redrawer: Redrawer) -> None:
    for row in rows.take(spread(len(rows), count), rows.columns):
        try:
            findings.wrong += [f"{row['id']}: {fault}" for fault in check_image(row, redrawer)]
            findings.num_redrawn += 1
        except BadImage as error:
            findings.photos_not_had.append(f"{row['source']}: {error}")
        except (ValueError, KeyError) as error:
            findings.wrong.append(f"{row['id']}: cannot be drawn again: {error}")


def check_image(row: dict[str, Any], redrawer: Redrawer) -> Iterator[str]:
    """What differs between a stored record and its scene drawn again."""
    scene = Scene.from_json(row["scene"])
    rendering = redrawer.draw(scene)
    redrawn = decode(encode(rendering.image, redrawer.image_format))
    if fault := _difference(decode(row["image"]["bytes"]), redrawn):
        yield f"image: {fault}"
    yield from compare_lines(row["lines"], line_table(rendering.lines))
    if row["text"] != "\n".join(line["text"] for line in row["lines"]):
        yield "text is not that of its lines"
    yield from _compare_boxes(row, boxes(scene, redrawer.faces, words="words" in row, chars="chars" in row))
    assert rendering.mask is not None, "drawn with a mask"
    yield from ink_faults(row["lines"], rendering.mask)
    if "mask" in row and (fault := _difference(decode(row["mask"]["bytes"])[:, :, 0], rendering.mask)):
        yield f"mask: {fault}"


def _difference(stored: Pixels, redrawn: Pixels) -> str:
    if stored.shape != redrawn.shape:
        return f"stored as {stored.shape}, redrawn as {redrawn.shape}"
    num_other = int((stored != redrawn).reshape(*stored.shape[:2], -1).any(axis=2).sum())
    return f"{num_other} of {stored.shape[0] * stored.shape[1]} pixels differ" if num_other else ""


def compare_lines(stored: Sequence[dict[str, Any]], redrawn: LineTable) -> Iterator[str]:
    """The label columns in which lines differ, each with the first line that does."""
    if len(stored) != len(redrawn):
        yield f"{len(stored)} lines are labelled, {len(redrawn)} are drawn"
        return
    for name in LINE.names:
        for i, line in enumerate(stored):
            if not np.array_equal(line[name], getattr(redrawn, name)[i]):
                yield f"line {i}: {name} is labelled {line[name]}, drawn {getattr(redrawn, name)[i]}"
                break


def _compare_boxes(row: dict[str, Any], redrawn: dict[str, BoxTable]) -> Iterator[str]:
    for name, table in redrawn.items():
        quads = np.array([box["quad_px"] for box in row[name]], np.float32).reshape(-1, 4, 2)
        texts = [box["text"] for box in row[name]]
        if texts != list(table.text) or not np.array_equal(quads, table.quad_px):
            yield f"{name} are not those of the lines as drawn"


def ink_faults(lines: Sequence[dict[str, Any]], mask: Pixels) -> Iterator[str]:
    """Lines without ink in their box, and ink outside all boxes. mask (h, w): coverage of all text."""
    inside = np.zeros_like(mask)
    for i, line in enumerate(lines):
        box = _filled(line["quad_px"], mask.shape)
        if not mask[box].any():
            yield f"line {i} {line['text']!r} has no ink in its box"
        inside[box] = 1
    near = cv2.dilate(inside, np.ones((2 * STRAY_PX + 1, 2 * STRAY_PX + 1), np.uint8))
    stray = int(((mask > 0) & (near == 0)).sum())
    if stray:
        yield f"{stray} pixels of ink lie outside all boxes"


def _filled(quad_px: Any, shape: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pixels of a quad."""
    quad = np.asarray(quad_px, np.float64)
    low = np.maximum(np.floor(quad.min(axis=0)), 0).astype(int)
    high = np.minimum(np.ceil(quad.max(axis=0)).astype(int), shape[::-1])
    part = np.zeros(np.maximum(high - low, 0)[::-1], np.uint8)
    corners = np.round((quad - low - 0.5) * 16).astype(np.int32)  # pixel i is centred at i + 0.5
    cv2.fillConvexPoly(part, corners, (1,), shift=4)
    y, x = np.nonzero(part)
    return y + low[1], x + low[0]
