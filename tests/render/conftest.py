"""The default faces and the writer of generated text, loaded once."""

import pytest
from hypothesis import settings

from fonts.catalog import Catalog, load_catalog
from render.text import Writer, open_writer

settings.register_profile("smallprint", deadline=None)  # a first call compiles
settings.load_profile("smallprint")


@pytest.fixture(scope="session")
def faces() -> Catalog:
    return load_catalog(("default",))


@pytest.fixture(scope="session")
def writer() -> Writer:
    return open_writer(())
