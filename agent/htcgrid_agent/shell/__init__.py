"""What carries the decisions out: threads for store calls, processes for workers, one loop for events."""
