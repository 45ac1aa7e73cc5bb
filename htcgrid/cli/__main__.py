"""``python -m htcgrid.cli``."""

from htcgrid.cli import main

if __name__ == "__main__":
    main()
