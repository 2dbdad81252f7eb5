from app.base.secret import Secret
from app.ports.secrets import SecretStore
from app.vault.memory_store import MemoryStore


def test_memory_keeps_and_forgets_by_name() -> None:
    store: SecretStore = MemoryStore({"b": Secret("1")})
    store.put("a", Secret("2"))
    assert store.names() == ["a", "b"]
    assert store.get("a") == Secret("2")
    store.delete("a")
    store.delete("a")
    assert store.get("a") is None
    assert store.names() == ["b"]
    assert store.kind == "memory"
