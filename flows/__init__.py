"""Prefect flows: thin; which stages, which batches, which schedule. The work itself is nest_builder's."""
