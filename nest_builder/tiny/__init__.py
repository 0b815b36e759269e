"""Trains the embedded models of `data/models/`: real architectures in small configurations, each from a seed."""
