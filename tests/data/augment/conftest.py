import pytest

from jaxcnn.data.augment import operations


@pytest.fixture
def performed(monkeypatch):
    """What a policy does: (operation, value) in order."""
    calls: list[tuple[str, float]] = []

    def recording(name, operation):
        def run(image, value, sampling):
            calls.append((name, value))
            return operation(image, value, sampling)

        return run

    recorded = {
        name: recording(name, operation) for name, operation in operations.OPERATIONS.items()
    }
    monkeypatch.setattr(operations, "OPERATIONS", recorded)
    return calls
