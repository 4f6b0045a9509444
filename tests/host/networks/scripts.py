"""Scripts that run under a public runtime and under Weft, with only the import changed."""

import copy
import textwrap

import numpy as np

__all__ = ["assert_equal", "run_script"]


def run_script(text, names, runtime):
    """Run ``text`` with ``import runtime as rt`` in front; return what it calls ``result``."""
    namespace = {"np": np, **copy.deepcopy(names)}
    exec(f"import {runtime} as rt\n{textwrap.dedent(text)}", namespace)
    return namespace.get("result")


def assert_equal(got, expected):
    """Compare lists of anything, arrays by their bits."""
    if isinstance(expected, list | tuple):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            assert_equal(one, other)
    elif isinstance(expected, np.ndarray):
        assert isinstance(got, np.ndarray) and got.dtype == expected.dtype
        assert got.shape == expected.shape and got.tobytes() == expected.tobytes()
    else:
        assert got == expected
