"""Measurements of the embedded grid: ``make bench``."""
