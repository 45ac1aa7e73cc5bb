"""Grids and task queues of others, each measured by its own Python in its own environment."""
