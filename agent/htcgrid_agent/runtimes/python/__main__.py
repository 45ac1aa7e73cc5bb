"""``python -m htcgrid_agent.runtimes.python CHANNEL CELL LIFELINE``: a worker process; only agents start it."""

import sys

from htcgrid_agent.runtimes.python.worker import main

if __name__ == "__main__":
    descriptors = [int(word) for word in sys.argv[1:4]]
    # A script reads its own client's arguments there, or none, and never these.
    del sys.argv[1:]
    main(*descriptors)
