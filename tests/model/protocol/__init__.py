"""The protocol as a small transition system: one actor a file, one rule a method of :class:`Rules`."""
