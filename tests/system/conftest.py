"""What several tests of the whole system share."""

import pytest


@pytest.fixture(scope="session")
def small_build(tmp_path_factory):
    """Return the folder of a build of ``small_board``, and its report."""
    from small_board import build

    folder = tmp_path_factory.mktemp("small_board")
    return folder, build(folder, hash_seed=1)
