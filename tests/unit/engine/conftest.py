import pytest
from structlog.testing import capture_logs


@pytest.fixture(autouse=True)
def logged():
    """Collect what is logged: rendering the tracebacks of faults that are meant takes longer than the tests."""
    with capture_logs() as entries:
        yield entries
