"""The protocol with one rule changed, as somebody might who mends something else."""
