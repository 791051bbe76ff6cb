import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from pipelines.charts import bars
from pipelines.pictures import Picture
from pipelines.report import Report
from pipelines.shards.codec import decode, encode

VOID = {"meta", "img"}


class Page(HTMLParser):
    """Elements of a page; fails where they are not nested."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


def full_report() -> tuple[Report, np.ndarray]:
    rgb = np.random.default_rng(2).integers(0, 256, (20, 30, 3), np.uint8)
    report = Report("Title <1>", "subtitle & more")
    report.totals({"images": 1234, "share": 0.5})
    report.section("First")
    report.text("A <script>alert(1)</script> text")
    report.table(["name", "count"], [["<i>", 12345], ["none", float("nan")]], "caption")
    report.section("Second")
    report.heading("Heading")
    report.charts([bars("chart", {"a": 1.0}, caption="under it")])
    report.chips({"中": 12345})
    picture = Picture(data=encode(rgb, "webp"), width_px=30, height_px=20, caption='"quoted"')
    report.pictures([[picture, Picture(data=encode(rgb), width_px=30, height_px=20, zoom=3)]])
    return report, rgb


def test_makes_a_page_that_needs_nothing_else():
    page = Page(full_report()[0].html())
    links = [attrs[name] or "" for _, attrs in page.elements for name in ("src", "href") if name in attrs]

    assert all(link.startswith(("data:image/", "#")) for link in links)
    assert page.attributes("script") == page.attributes("link") == []


def test_escapes_every_text():
    html = full_report()[0].html()

    for text in (
        "Title &lt;1&gt;",
        "subtitle &amp; more",
        "A &lt;script&gt;",
        "&lt;i&gt;",
        "&#34;quoted&#34;",
    ):
        assert text in html


def test_links_each_section():
    page = Page(full_report()[0].html())
    ids = [attrs["id"] for attrs in page.attributes("section") if "id" in attrs]

    assert [attrs["href"] for attrs in page.attributes("a")] == [f"#{name}" for name in ids]
    assert len(set(ids)) == 2


def test_shows_pictures_at_their_own_pixels_or_whole_multiples():
    report, rgb = full_report()
    images = Page(report.html()).attributes("img")
    data = [base64.b64decode((image["src"] or "").partition(",")[2]) for image in images]

    assert [(image["width"], image["height"]) for image in images] == [("30", "20"), ("90", "60")]
    assert all(np.array_equal(decode(file), rgb) for file in data)
    assert [(image["src"] or "")[:15] for image in images] == ["data:image/webp", "data:image/png;"]


def test_colours_pictures_by_their_tone():
    data = encode(np.zeros((2, 2, 3), np.uint8))
    report = Report("Tones")
    report.pictures([[Picture(data=data, width_px=2, height_px=2, tone=tone) for tone in ("", "good", "bad")]])

    assert [figure.get("class") for figure in Page(report.html()).attributes("figure")] == [None, "good", "bad"]


def test_shows_commands_and_links_escaped_and_lets_drawings_shrink():
    data = encode(np.zeros((2, 2, 3), np.uint8))
    report = Report("Parts")
    report.command("python a.py --where 'x < 1'\npython b.py")
    report.links({"A & B": 'sub/page.html?"q"'})
    report.pictures([[Picture(data=data, width_px=2, height_px=2, fits=fits) for fits in (True, False)]])
    page = Page(report.html())

    assert "<pre><code>python a.py --where &#39;x &lt; 1&#39;\npython b.py</code></pre>" in report.html()
    assert [attrs["href"] for attrs in page.attributes("a")] == ['sub/page.html?"q"']
    assert ">A &amp; B</a>" in report.html()
    assert [image.get("class") for image in page.attributes("img")] == ["fits", None]


def test_writes_numbers_to_the_right_and_nan_as_nothing():
    html = full_report()[0].html()
    cells = re.findall(r"<td.*?</td>", html)

    assert cells == [
        "<td>&lt;i&gt;</td>",
        '<td class="number">12,345</td>',
        "<td>none</td>",
        '<td class="number"></td>',
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"zoom": 0}, "zoom is 0: use a whole number"),
        ({"tone": "red"}, "tone is 'red': use one of"),
        ({"data": b"GIF89a"}, r"begins with b'GIF8': encode it as PNG"),
    ],
)
def test_refuses_pictures_it_cannot_show(fields, message):
    good = {"data": encode(np.zeros((2, 2, 3), np.uint8)), "width_px": 2, "height_px": 2}

    with pytest.raises(ValueError, match=message):
        Picture(**good | fields)
