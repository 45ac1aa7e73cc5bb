"""How a worker runs handlers: one package per runtime."""
