"""What several tests of the whole system share."""

from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.fixture(scope="session")
def complete_builds(tmp_path_factory):
    """Return the builds of each design, by its name, each build as a folder and the report.

    All are made side by side. ECP5's is built twice, by processes whose sets and dictionaries have
    another order.
    """
    from complete_builds import DESIGNS, build

    calls = [("ice40", 1), ("gowin", 1), ("ecp5", 1), ("ecp5", 2)]  # the longest first
    wanted = [call for call in calls if call[0] in DESIGNS]
    folders = [tmp_path_factory.mktemp(name) for name, _ in wanted]
    with ThreadPoolExecutor(max_workers=2) as pool:
        reports = pool.map(lambda call, folder: build(call[0], folder, call[1]), wanted, folders)
        builds = {name: [] for name, _ in wanted}
        for (name, _), folder, report in zip(wanted, folders, reports, strict=True):
            builds[name].append((folder, report))
    return builds
