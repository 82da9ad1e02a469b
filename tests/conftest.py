"""What holds for every test."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def cache_folder(tmp_path_factory):
    """Indexes of the tests' files are kept with them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADRACE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield
