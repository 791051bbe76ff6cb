"""The default faces, loaded once."""

import pytest
from hypothesis import settings

from fonts.catalog import Catalog, load_catalog

settings.register_profile("smallprint", deadline=None)  # a first call compiles
settings.load_profile("smallprint")


@pytest.fixture(scope="session")
def faces() -> Catalog:
    return load_catalog(("default",))
