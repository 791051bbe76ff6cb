"""All kinds of document, by name."""

from render.layouts.article import article
from render.layouts.bullets import bullets
from render.layouts.code import code
from render.layouts.labels import labels
from render.layouts.line import line
from render.layouts.newspaper import newspaper
from render.layouts.paragraph import paragraph
from render.layouts.poster import poster
from render.layouts.slide import slide
from render.layouts.table import table
from render.layouts.vertical import vertical
from render.layouts.webpage import webpage
from render.page import Layout

LAYOUTS: dict[str, Layout] = {
    "paragraph": paragraph,
    "article": article,
    "bullets": bullets,
    "table": table,
    "slide": slide,
    "poster": poster,
    "webpage": webpage,
    "code": code,
    "newspaper": newspaper,
    "labels": labels,
    "line": line,
    "vertical": vertical,
}
