"""How far a job is, in images, and amounts as one would say them."""

import re

from pipelines.progress import Progress, spoken_size, spoken_time


def test_progress_counts_images():
    with Progress(1000, 400) as progress:
        progress.advance(100)
        line = progress.line()

    assert re.fullmatch(r"500 of 1,000 images, [\d,.]+/s, [\d,]+ s left", line)


def test_amounts_are_told_in_the_unit_one_would_say():
    assert spoken_time(34.5) == "34.5 seconds on 1 worker"
    assert spoken_time(300, 2) == "2.5 minutes on 2 workers"
    assert spoken_time(36_000_000, 4) == "2,500.0 hours on 4 workers"
    assert (spoken_size(5.4e6), spoken_size(1.25e12)) == ("5.4 MB", "1,250.0 GB")
