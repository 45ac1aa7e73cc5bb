"""``python -m htcgrid_agent.runtimes.python CHANNEL CELL LIFELINE``: a worker process; only agents start it."""

import sys

from htcgrid_agent.runtimes.python.worker import main

if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:4]))
