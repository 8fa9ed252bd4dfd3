from __future__ import annotations

import pytest

from contract.note import SignerKey, generate_key


@pytest.fixture(scope="session")
def hub_key() -> SignerKey:
    return generate_key("hub.binh-lu")
