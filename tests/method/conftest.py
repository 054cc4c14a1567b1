"""What tests of kernels share."""

import pytest
import torch


@pytest.fixture
def one_thread(threads):
    """Torch computes with one thread, as in a job; afterwards with as many as before."""
    torch.set_num_threads(1)
