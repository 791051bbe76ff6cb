"""All kinds of document, by name."""

from render.layouts.article import article
from render.layouts.bullets import bullets
from render.layouts.paragraph import paragraph
from render.layouts.poster import poster
from render.layouts.slide import slide
from render.layouts.table import table
from render.page import Layout

LAYOUTS: dict[str, Layout] = {
    "paragraph": paragraph,
    "article": article,
    "bullets": bullets,
    "table": table,
    "slide": slide,
    "poster": poster,
}
