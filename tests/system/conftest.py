"""What several tests of the whole system share."""

from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.fixture(scope="session")
def small_builds(tmp_path_factory):
    """Return two builds of ``small_board``, each as a folder and the report, made side by side.

    The sets and dictionaries of the two processes have another order.
    """
    from small_board import build

    folders = [tmp_path_factory.mktemp("small_board") for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        return list(zip(folders, pool.map(build, folders, (1, 2)), strict=True))
