"""The inspections that the renderers are shown."""

import pytest

from gradcli.inspection import Inspection
from tests.render.inspections import make_mlp, make_odd, make_tutorial


@pytest.fixture
def tutorial() -> Inspection:
    return make_tutorial()


@pytest.fixture
def mlp() -> Inspection:
    return make_mlp()


@pytest.fixture
def odd() -> Inspection:
    return make_odd()
