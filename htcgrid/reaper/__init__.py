"""The reaper: returns bundles whose lease lapsed, hints again what was lost, and collects what is past its time.

Any number of reapers may run at once: everything they do is a compare-and-set, or harmless when done twice.
"""

from htcgrid.reaper.core import ReaperCore, ReaperPolicy
from htcgrid.reaper.shell import Reaper

__all__ = ["Reaper", "ReaperCore", "ReaperPolicy"]
