"""A whole grid in one deterministic process: connector, agents and reapers as they are, on stores that fail.

A seed decides what happens, when, and what goes wrong. After each run a judge looks at what was promised.
"""
