from xml.etree import ElementTree

import pytest

from pipelines.charts import Axis, Chart, bars, curves, histogram, joined

SVG = "{http://www.w3.org/2000/svg}"


def parts(chart: Chart, tag: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(str(chart.svg).replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"')).findall(
        f"{SVG}{tag}"
    )


def texts(chart: Chart) -> list[str | None]:
    return [text.text for text in parts(chart, "text")]


def test_stacks_bars_as_high_as_their_counts():
    chart = histogram("em", [0, 1, 2, 3], {"en": [10, 0, 5], "zh": [20, 0, 5]})
    boxes = [box.attrib for box in parts(chart, "rect") if box.attrib["height"] != "10"]
    heights = [float(box["height"]) for box in boxes]

    assert len(boxes) == 4
    assert heights[2] == pytest.approx(2 * heights[0], rel=0.01)
    assert float(boxes[2]["y"]) + heights[2] == pytest.approx(float(boxes[0]["y"]), abs=0.02)
    assert {"en", "zh"} <= set(texts(chart))


def test_a_colour_for_a_series_that_is_not_there_is_no_part_of_the_legend():
    colours = {"fails": "#d2691e", "dropped": "#c3c9ce"}
    chart = histogram("clarity", [0, 1, 2], {"kept": [1, 2], "dropped": [2, 0]}, colours=colours)

    assert {"kept", "dropped"} <= set(texts(chart))
    assert "fails" not in texts(chart)


def test_writes_the_ticks_it_is_given():
    chart = histogram("characters", [2, 4, 6], {"en": [1, 2]}, axis=Axis(ticks={2.0: "4", 6.0: "64"}))

    assert {"4", "64"} <= set(texts(chart))


def test_survives_counts_of_nothing():
    assert parts(histogram("empty", [0, 1, 2], {"en": [0, 0]}), "rect") == []
    assert "nothing" in texts(bars("nothing", {}))


def test_draws_points_with_their_errors():
    chart = curves("accuracy", {"en": [(5, 0.5, 0.1), (6, 0.9, 0.2), (7, 1.0, float("nan"))]})
    y = [float(point.attrib["cy"]) for point in parts(chart, "circle")]
    errors = [
        (float(line.attrib["y2"]), float(line.attrib["y1"]))
        for line in parts(chart, "line")
        if line.attrib["x1"] == line.attrib["x2"]
    ]

    assert y[0] - y[2] == pytest.approx((y[0] - y[1]) * 0.5 / 0.4, rel=0.02)
    assert y[0] - errors[0][0] == pytest.approx((y[0] - y[2]) / 5, rel=0.02)
    assert errors[1][0] == pytest.approx(y[2])  # cut at the top of the range
    assert errors[2][0] == errors[2][1] == y[2]


def test_shortens_names_and_escapes_them():
    chart = bars("faces", {"a very long name of a face, Regular": 12345, "<b>": 2})

    assert {"a very long name of a face…", "<b>", "12.3k", "2"} <= set(texts(chart))


def test_marks_stand_at_their_values_and_those_outside_are_left_out():
    marks = {0.5: "low", 1.9: "high", 7.0: "beyond"}
    chart = histogram("em", [0, 1, 2], {"en": [10, 5]}, axis=Axis(marks=marks))
    lines = [line.attrib for line in parts(chart, "line") if "stroke-dasharray" in line.attrib]
    left, right = (float(bar.attrib["x"]) for bar in parts(chart, "rect"))

    assert [float(line["x1"]) == float(line["x2"]) for line in lines] == [True, True]
    assert left < float(lines[0]["x1"]) < right < float(lines[1]["x1"])
    assert {"low", "high"} <= set(texts(chart))
    assert "beyond" not in texts(chart)


def test_a_threshold_is_dashed_and_a_shaded_part_is_grey_behind_all_else():
    points = [(size, size / 10, 0.0) for size in (4, 5, 6, 7)]
    chart = curves("NED", {"a": points}, threshold=0.5, shaded=[(3.5, 4.5), (6.5, 7.5)])
    (dashed,) = (line.attrib for line in parts(chart, "line") if "stroke-dasharray" in line.attrib)
    x = [float(point.attrib["cx"]) for point in parts(chart, "circle")]
    y = [float(point.attrib["cy"]) for point in parts(chart, "circle")]
    grey = [box.attrib for box in parts(chart, "rect")]

    assert float(dashed["y1"]) == float(dashed["y2"]) == y[1]
    assert [float(box["x"]) + float(box["width"]) / 2 for box in grey] == [x[0], x[3]]
    assert str(chart.svg).index("<rect") < str(chart.svg).index("<text")


def test_charts_in_one_file_stand_two_a_row_without_touching():
    charts = [bars("many", dict.fromkeys("abcdef", 1.0)), bars("few", {"a": 1.0}), curves("c", {"x": [(1, 0, 0)]})]
    root = ElementTree.fromstring(joined(charts))
    boxes = [[int(panel.attrib[name]) for name in ("x", "y", "width", "height")] for panel in root.findall(f"{SVG}svg")]
    left, top, width, height = (int(number) for number in root.attrib["viewBox"].split())

    assert [box[3] for box in boxes] == [chart.height for chart in charts]
    assert boxes[0][1] == boxes[1][1] < boxes[2][1] >= max(y + h for _, y, _, h in boxes[:2])
    assert boxes[0][0] + boxes[0][2] < boxes[1][0]
    assert all(x + w <= left + width and y + h <= top + height for x, y, w, h in boxes)
