"""What several test files share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.fixture(scope="session")
def toys():
    """Toy analyses with known posteriors; worker processes import them too."""
    import inference_toys

    return inference_toys


@pytest.fixture
def pool():
    """Two threads instead of worker processes."""
    with ThreadPoolExecutor(2) as executor:
        yield executor
