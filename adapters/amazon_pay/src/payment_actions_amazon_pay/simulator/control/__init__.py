"""The other side of the simulator: what a test or a developer does in place of Amazon, the buyer and time."""
