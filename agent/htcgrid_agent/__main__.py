"""``python -m htcgrid_agent --config grid.toml``."""

import sys

from htcgrid_agent.main import main

if __name__ == "__main__":
    sys.exit(main())
