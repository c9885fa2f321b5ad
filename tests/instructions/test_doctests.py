"""The examples in the docstrings of the instruction room are true."""

import doctest

import pytest

from metaagent_ros.instructions import names, quantities, questions
from metaagent_ros.instructions.generator import marks


@pytest.mark.parametrize("module", [names, quantities, questions, marks], ids=lambda module: module.__name__)
def test_examples(module: object):
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted > 0
    assert result.failed == 0
