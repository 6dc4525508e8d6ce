"""What many tests share: small real and generated data, and the form that every refusal has."""

import re
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import settings
from sklearn.datasets import load_digits

# The same few examples every time, however slow the machine is.
settings.register_profile("narrows", max_examples=20, deadline=None, derandomize=True, database=None)
settings.load_profile("narrows")

# Warnings are errors here: one that torch gives once per process must not depend on the order of tests.
torch.set_warn_always(True)
# The work is small and the processors are shared: a second thread would wait more than it works.
torch.set_num_threads(1)

INSTRUCTION = re.compile(
    r"\b(pass|expected|expecting|needs|must|use|say|drop|encode|reshape|load|copy|install|change|resize)\b"
)


@pytest.fixture(scope="session")
def digits():
    """300 real digits as flat rows, (300, 64) in 0…16."""
    return load_digits().data[:300]


@pytest.fixture(scope="session")
def images(digits):
    """The same as pictures, (300, 8, 8)."""
    return digits.reshape(-1, 8, 8)


@pytest.fixture(scope="session")
def plane():
    """120 rows of 6 numbers near a plane, in units of very different size."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(120, 2)) @ rng.normal(size=(2, 6)) + 0.1 * rng.normal(size=(120, 6))
    return rows * [1, 10, 0.1, 1, 1, 100] + [0, 5, -1, 0, 3, 1000]


@pytest.fixture(scope="session")
def refused():
    """``with refused("-1"): …`` — the block must be refused in one sentence that quotes what was given."""

    @contextmanager
    def check(*given):
        with pytest.raises((ValueError, TypeError)) as caught:
            yield
        message = str(caught.value)
        assert "\n" not in message, message
        assert message.endswith("."), message
        assert not re.search(r"[.!?] [A-Z]", message), f"more than one sentence: {message}"
        assert INSTRUCTION.search(message), f"does not say what to do: {message}"
        for words in given:
            assert words in message, f"does not name {words!r}: {message}"

    return check
