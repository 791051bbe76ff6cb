import pytest
from fsspec.core import url_to_fs

from pipelines.rendered import after
from tests.pipelines.rendered import copy_of, rendered


def test_verifies_and_says_so(capsys):
    code = after.main(["verify", str(rendered()), "--redraw", "3"])
    out = capsys.readouterr().out

    assert code == 0
    assert "3 whole, 14 images" in out
    assert "redrawn  3 images" in out
    assert "wrong    nothing" in out


def test_exits_with_1_and_a_list_where_something_is_wrong(tmp_path, capsys):
    folder = copy_of(rendered(), tmp_path)
    (folder / "manifest/000002.json").unlink()
    code = after.main(["verify", str(folder), "--redraw", "0"])

    assert code == 1
    assert "data/000002.parquet has no sidecar that fits it" in capsys.readouterr().out


def test_inspects_and_exports(tmp_path, capsys):
    folder = copy_of(rendered(), tmp_path)
    codes = [
        after.main(["inspect", str(folder), "--images", "1", "--ocr-images", "0"]),
        after.main(["export", str(folder), "--to", f"{tmp_path}/det/", "--format", "paddle-det", "--limit", "2"]),
    ]

    assert codes == [0, 0]
    assert (folder / "report.html").exists()
    assert (tmp_path / "det/Label.txt").exists()
    assert f"2 images exported  {tmp_path}/det/Label.txt" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["inspect", "{}"], "render.py inspect: {} holds no whole shard"),
        (["verify", "{}"], "render.py verify: {} holds no job.json"),
        (["inspect", "{}", "--images", "0"], "--images is 0: give at least 1"),
        (["export", "{}", "--to", "{}", "--format", "lines"], "is there already"),
    ],
)
def test_names_what_is_wrong_with_the_arguments(args, message, tmp_path, capsys):
    code = after.main([arg.format(tmp_path) for arg in args])

    assert code == 1
    assert message.format(tmp_path) in capsys.readouterr().err


def test_reads_a_dataset_in_an_object_store(s3, capsys):
    store, place = url_to_fs(f"{s3}/after")
    store.put(str(rendered()), place, recursive=True)
    codes = [
        after.main(["inspect", f"{s3}/after", "--images", "1", "--ocr-images", "0"]),
        after.main(["verify", f"{s3}/after", "--redraw", "2"]),
    ]

    assert codes == [0, 0]
    assert store.exists(f"{place}/report.html")
    assert "redrawn  2 images" in capsys.readouterr().out


def test_explains_each_command(capsys):
    for command in after.COMMANDS:
        with pytest.raises(SystemExit) as stop:
            after.main([command, "--help"])
        assert stop.value.code == 0
        assert "Folder of the dataset" in capsys.readouterr().out
