"""Random networks in chunks: merged, resumed, and the same however they are cut."""

import argparse
import json
from collections import Counter

import pytest
from networks import chunks


@pytest.fixture
def cluster(monkeypatch):
    """Carries out jobs here, the last ones first; returns those that it was given."""
    given = []

    def spread(function, common, jobs, *, address, modules):
        assert address == "somewhere" and (modules[0] / "fuzz.py").exists()
        given.extend(jobs)
        for job in reversed(jobs):
            yield job, function(common, job)

    monkeypatch.setattr(chunks, "spread", spread)
    return given


def run(arguments, first, count):
    print(f"{arguments.kind} from {first}")
    return Counter({"values": sum(range(first, first + count)), "differ": 0})


def options(tmp_path, **others):
    values = {"kind": "qdq", "first": 50, "count": 350, "ray": "somewhere", "bases": 20}
    return argparse.Namespace(**values | {"results": tmp_path / "sub" / "x.jsonl"} | others)


def test_chunks_are_merged_and_resumed(cluster, tmp_path, capsys):
    whole = {"values": sum(range(50, 400)), "differ": 0}
    assert chunks.in_chunks(run, options(tmp_path)) == whole
    assert cluster == [(50, 100), (150, 100), (250, 100), (350, 50)]
    assert capsys.readouterr().out.splitlines()[1] == "qdq from 350"
    # One was cut off as it was written; one is of other options.
    results = options(tmp_path).results
    lines = results.read_text().splitlines()
    other = json.dumps(json.loads(lines[1]) | {"options": "others"})
    results.write_text(f"{lines[0]}\n{other}\n{lines[2]}\n{lines[3][:40]}")
    cluster.clear()
    assert chunks.in_chunks(run, options(tmp_path)) == whole
    assert cluster == [(50, 100), (250, 100)]
    cluster.clear()
    assert chunks.in_chunks(run, options(tmp_path)) == whole and not cluster
    chunks.in_chunks(run, options(tmp_path, bases=3))
    assert len(cluster) == 4
    assert chunks.in_chunks(run, options(tmp_path, results=None)) == whole
