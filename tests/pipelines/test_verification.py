import io
import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.rendered.verification import Findings, ink_faults, verify
from pipelines.shards.codec import decode, encode
from tests.pipelines.rendered import NUM_IMAGES, copy_of, rendered


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the dataset to damage."""
    return copy_of(rendered(), tmp_path)


def rewrite(folder: Path, shard: int, name: str, change) -> None:
    """Change a column's values and make the sidecar fit, as one who forges a dataset would."""
    path, sidecar = folder / f"data/{shard:06d}.parquet", folder / f"manifest/{shard:06d}.json"
    table = pq.read_table(path)
    at = table.schema.get_field_index(name)
    values = pa.array(change(table.column(name).to_pylist()), table.schema.field(name).type)
    file = io.BytesIO()
    pq.write_table(table.set_column(at, table.schema.field(name), values), file)
    path.write_bytes(file.getvalue())
    info = json.loads(sidecar.read_text())
    info |= {"sha256": sha256(file.getvalue()).hexdigest(), "num_bytes": len(file.getvalue())}
    sidecar.write_text(json.dumps(info))


def only(findings: Findings, *parts: str) -> bool:
    return bool(findings.wrong) and all(all(part in wrong for part in parts) for wrong in findings.wrong)


def test_finds_nothing_wrong_in_what_was_rendered():
    findings = verify(str(rendered()), NUM_IMAGES)

    assert findings == Findings(num_shards=3, num_rows=NUM_IMAGES, num_redrawn=NUM_IMAGES)


def test_names_a_shard_whose_bytes_changed(folder):
    path = folder / "data/000001.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    findings = verify(str(folder), 0)

    assert only(findings, "data/000001.parquet", "its sidecar says")
    assert findings.num_shards == 3


def test_names_a_truncated_shard_and_a_garbled_and_a_missing_sidecar(folder):
    with (folder / "data/000000.parquet").open("r+b") as file:
        file.truncate(1000)
    (folder / "manifest/000001.json").write_text("{")
    findings = verify(str(folder), 0)

    assert findings.wrong == [
        "data/000000.parquet has no sidecar that fits it",
        "data/000001.parquet has no sidecar that fits it",
        "manifest/000000.json is garbled, or its shard is missing or of another size",
        "manifest/000001.json is garbled, or its shard is missing or of another size",
        "data/000000.parquet is not there, though later shards are",
        "data/000001.parquet is not there, though later shards are",
    ]


def test_names_a_last_shard_that_is_not_there(folder):
    (folder / "data/000002.parquet").unlink()
    (folder / "manifest/000002.json").unlink()

    assert verify(str(folder), 0).wrong == ["data/000002.parquet is not there, though it was made"]
    (folder / "summary.json").unlink()  # as in a run that is under way
    assert verify(str(folder), 0).wrong == []


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"images": null}', '{"images": "many"}', '{"images": Infinity}'])
def test_names_a_summary_that_is_garbled(folder, text):
    (folder / "summary.json").write_text(text)

    assert verify(str(folder), 0).wrong == ["summary.json is garbled: how many shards there were is not known"]


def test_a_summary_of_more_images_than_could_ever_be_is_told_at_once(folder):
    (folder / "summary.json").write_text('{"images": 1e300}')

    assert "data/000003.parquet is not there, though it was made" in verify(str(folder), 0).wrong


@pytest.mark.parametrize("change", [lambda ids: ids[:3] + ids[2:5], lambda ids: [*ids[1:], ids[0]]])
def test_names_ids_that_repeat_or_are_out_of_order(folder, change):
    rewrite(folder, 1, "id", change)
    findings = verify(str(folder), 0)

    assert len(findings.wrong) == 1
    assert "data/000001.parquet has" in findings.wrong[0]
    assert "wrong ids, the first" in findings.wrong[0]


def test_names_an_image_that_is_not_its_scene(folder):
    def change(images):
        pixels = decode(images[2]["bytes"])
        pixels[5, 7] ^= 1
        images[2]["bytes"] = encode(pixels)
        return images

    rewrite(folder, 1, "image", change)
    findings = verify(str(folder), NUM_IMAGES)

    assert only(findings, "/8: image: 1 of 36864 pixels differ")


@pytest.mark.parametrize(("name", "value"), [("text", "wrong"), ("size_px", 9.25), ("face", "Other"), ("quad_px", 0)])
def test_names_a_label_that_is_not_what_is_drawn(folder, name, value):
    def change(lines):
        line = lines[0][0]
        line[name] = np.add(line["quad_px"], 0.5).tolist() if name == "quad_px" else value
        return lines

    rewrite(folder, 0, "lines", change)
    findings = verify(str(folder), NUM_IMAGES)

    assert any(f"/0: line 0: {name} is labelled" in wrong for wrong in findings.wrong)
    assert only(findings, "/0: ")


@pytest.mark.parametrize("name", ["words", "chars"])
def test_names_boxes_that_are_not_those_drawn(folder, name):
    rewrite(folder, 0, name, lambda rows: [[box | {"text": "x"} for box in rows[0]], *rows[1:]])

    assert only(verify(str(folder), NUM_IMAGES), f"/0: {name} are not those of the lines as drawn")


def test_names_a_scene_that_cannot_be_drawn(folder):
    rewrite(folder, 2, "scene", lambda scenes: ["{}", *scenes[1:]])

    assert only(verify(str(folder), NUM_IMAGES), "/12: cannot be drawn again", "width_px")


def test_names_a_face_that_is_another_file(folder):
    job = json.loads((folder / "job.json").read_text())
    job["identity"]["faces"] = dict.fromkeys(job["identity"]["faces"], "0" * 64)
    (folder / "job.json").write_text(json.dumps(job))
    findings = verify(str(folder), 2)

    assert sum("is another file than it was: give the same --fonts" in wrong for wrong in findings.wrong) == 2


def test_counts_images_whose_photo_cannot_be_had(folder):
    findings = verify(str(folder), NUM_IMAGES, photo_index=str(folder / "nowhere"))

    assert findings.wrong == []
    assert len(findings.photos_not_had) + findings.num_redrawn == NUM_IMAGES
    assert len(findings.photos_not_had) >= 10
    assert all("holds no photo index" in fault for fault in findings.photos_not_had)


def test_reads_where_faces_and_photos_came_from(folder, tmp_path):
    (folder / "photos").rename(tmp_path / "index")
    sources = {"fonts": ["default"], "photo_index": str(tmp_path / "index")}
    (folder / "sources.json").write_text(json.dumps(sources))

    assert verify(str(folder), NUM_IMAGES).num_redrawn == NUM_IMAGES


def test_tells_other_versions_of_libraries(folder):
    job = json.loads((folder / "job.json").read_text())
    job["versions"]["numpy"] = "1.0"
    (folder / "job.json").write_text(json.dumps(job))
    [line] = verify(str(folder), 0).other_versions

    assert line.startswith('numpy: "1.0" -> ')


def test_finds_lines_without_ink_and_ink_without_a_line():
    mask = np.zeros((40, 60), np.uint8)
    mask[5:10, 5:30] = 200
    full = {"text": "full", "quad_px": [[5, 5], [30, 5], [30, 10], [5, 10]]}
    empty = {"text": "empty", "quad_px": [[5, 20], [30, 20], [30, 30], [5, 30]]}

    assert list(ink_faults([full], mask)) == []
    assert list(ink_faults([full, empty], mask)) == ["line 1 'empty' has no ink in its box"]
    mask[35, 50] = 1
    assert list(ink_faults([full], mask)) == ["1 pixels of ink lie outside all boxes"]


def test_needs_a_dataset(tmp_path):
    with pytest.raises(ValueError, match=r"holds no job\.json"):
        verify(str(tmp_path))
