"""``python -m mncost``."""

from mncost.cli.main import main

if __name__ == "__main__":
    main()
