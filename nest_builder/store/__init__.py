"""The store: typed tables, sessions and content-addressed blobs. Stages meet here and nowhere else."""
