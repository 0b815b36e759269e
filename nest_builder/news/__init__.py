"""News: feeds, sites without a feed, articles with their figures, and duplicates."""
