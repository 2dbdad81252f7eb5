"""One session of the program with the keyring it finds: `python -m tests.integration.vault.keyring_session STEP DIR`.

Prints what kind of store it found and the names in it. A process of its own, as bus and keyring come by environment.
"""

import sys
from pathlib import Path

from app.base.errors import OperatorActionNeeded
from app.base.secret import Secret
from app.vault.open import open_vault

TEXT = "a-key-nobody-may-read-4B19"
LARGE = TEXT * 2_000


def main(step: str, data_dir: Path) -> str:
    store = open_vault(data_dir, {}, None)
    match step:
        case "write":
            store.put("account/main", Secret(LARGE))
            store.put("account/main", Secret(TEXT))
            store.put("account/large", Secret(LARGE))
            store.put("account/Zürich \N{SNOWMAN}", Secret("\N{SNOWMAN}"))
            store.put("account/gone", Secret(TEXT))
            store.delete("account/gone")
        case "read":
            assert store.get("account/main") == Secret(TEXT)
            assert store.get("account/large") == Secret(LARGE)
            assert store.get("account/Zürich \N{SNOWMAN}") == Secret("\N{SNOWMAN}")
            assert store.get("account/gone") is None
    return f"{store.kind}: {', '.join(store.names())}"


if __name__ == "__main__":
    try:
        print(main(sys.argv[1], Path(sys.argv[2])))  # noqa: T201 - the test reads it
    except OperatorActionNeeded as error:
        sys.exit(f"{type(error).__name__}: {error}")
