"""What agent and worker processes share: messages, frames, and the cell in which a worker shows what it is doing."""
