"""The runtime for Python handlers: a warm process that runs whole runs of tasks over one socket."""
