"""What a client may ask: Strawberry lives here, and nowhere else."""
