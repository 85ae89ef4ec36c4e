"""``python -m mncost``."""

from mncost.cli import main

if __name__ == "__main__":
    main()
