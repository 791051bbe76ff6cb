"""All kinds of document, by name."""

from functools import wraps

import numpy as np

from render.layouts.article import article
from render.layouts.bullets import bullets
from render.layouts.code import code
from render.layouts.form import form
from render.layouts.labels import labels
from render.layouts.line import line
from render.layouts.newspaper import newspaper
from render.layouts.paragraph import paragraph
from render.layouts.poster import poster
from render.layouts.slide import slide
from render.layouts.table import table
from render.layouts.vertical import vertical
from render.layouts.webpage import webpage
from render.page import Draft, Layout, Page


def _or_line(layout: Layout) -> Layout:
    """The layout, or a single line on a page too small for it."""

    @wraps(layout)
    def made(page: Page, rng: np.random.Generator) -> Draft:
        draft = layout(page, rng)
        return draft if draft.blocks else line(page, rng)

    return made


_KINDS = (paragraph, article, bullets, table, slide, poster, webpage, form, code, newspaper, labels, line, vertical)
LAYOUTS: dict[str, Layout] = {layout.__name__: _or_line(layout) for layout in _KINDS}
