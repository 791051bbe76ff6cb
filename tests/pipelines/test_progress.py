"""How far a job is, in images."""

import re

from pipelines.progress import Progress


def test_progress_counts_images():
    with Progress(1000, 400) as progress:
        progress.advance(100)
        line = progress.line()

    assert re.fullmatch(r"500 of 1,000 images, [\d,.]+/s, [\d,]+ s left", line)
