"""Measurements of a grid, whichever its providers are: what ``htcgrid bench`` and ``make bench`` print."""
