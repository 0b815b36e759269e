"""ROSE: retrieval for a segmenter that does not know the newest things (arXiv 2604.14147). Each part can be used alone."""
