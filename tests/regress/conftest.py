import pytest
from small_baseline import small_baseline


@pytest.fixture
def baseline():
    return small_baseline()
