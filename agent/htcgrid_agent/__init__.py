"""The agent: claims bundles, runs their tasks in worker processes and commits the outcomes."""
