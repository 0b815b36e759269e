"""newspaper, imported when it is needed and kept from using a network of its own."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def newspaper() -> Any:
    """Returns the newspaper package.

    tldextract, through which it looks at host names, would fetch the list of public suffixes at first use, past our
    client: here it takes the list that it ships. The import warns that nltk is missing, which only summaries need.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="nltk is not installed")
        import newspaper as package
    import tldextract
    from tldextract import tldextract as module

    module.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    return package
