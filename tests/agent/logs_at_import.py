"""Sets a logger up as libraries do."""

import logging

logging.getLogger("a.library").addHandler(logging.NullHandler())
