"""A simulated web of news sites with known truth."""
