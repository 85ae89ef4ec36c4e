"""Write ``mncost/spec/families/index.json``: the names in the families' files.

    python tools/make_index.py

Run it after a change of names, variants, checkpoints, groups or order.
"""

import msgspec

from mncost.spec.catalog import FAMILIES
from mncost.spec.indexing import indexed


def main() -> None:
    """Write the file."""
    lines = ",\n".join(msgspec.json.encode(entry).decode() for entry in indexed())
    (FAMILIES / "index.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
