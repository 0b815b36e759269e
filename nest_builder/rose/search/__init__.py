"""Search backends: SearxNG, Brave, and the pipeline's own article store."""

from nest_builder.rose.search.articles import ArticleSearch
from nest_builder.rose.search.brave import Brave
from nest_builder.rose.search.searxng import SearxNG

__all__ = ["ArticleSearch", "Brave", "SearxNG"]
