"""The cache of what the network gave."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nest_builder.rose.cache import Cache


def test_values_are_found_again_also_by_another_process(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "cache.sqlite"
    first = Cache(path)
    first.put(b"one", "search", "mayor", None)
    first.put(b"", "page", "http://a.test")
    first.put(b"two", "search", "mayor", None)
    assert (first.get("search", "mayor", None), first.count, first.held_bytes) == (b"two", 2, 3)
    first.close()
    second = Cache(path)
    assert (second.get("search", "mayor", None), second.get("page", "http://a.test"), second.get("other")) == (
        b"two",
        b"",
        None,
    )
    assert second.held_bytes == 3
    second.close()


@pytest.mark.parametrize("in_memory", [True, False])
def test_the_longest_unused_goes_first(tmp_path: Path, in_memory: bool) -> None:
    cache = Cache(None if in_memory else tmp_path / "cache.sqlite", max_bytes=1000)
    for number in range(10):
        cache.put(bytes(100), number)
    assert cache.get(0) is not None  # now 1 is the one that was not used for longest
    cache.put(bytes(100), "new")
    assert (cache.get(1), cache.count, cache.held_bytes) == (None, 10, 1000)
    assert cache.get(0) is not None
    cache.put(bytes(101), "too large")
    assert cache.get("too large") is None


def test_threads_share_it() -> None:
    cache = Cache(max_bytes=50_000)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: (cache.put(bytes(n % 7), n % 50), cache.get(n % 50)), range(400)))
    assert cache.count == 50
    assert cache.held_bytes == sum(len(cache.get(n) or b"") for n in range(50))


def use(path: Path, said: "multiprocessing.SimpleQueue[str]") -> None:
    """Put and get what other processes put and get too, more than there is room for."""
    try:
        cache = Cache(path, max_bytes=20_000)
        for number in range(200):
            cache.put(bytes(200 + number % 7), number % 150)
            cache.get(7 * number % 150)
        cache.close()
    except Exception as error:  # noqa: BLE001 - told to the test
        said.put(f"{type(error).__name__}: {error}")
    else:
        said.put("done")


def test_processes_share_a_file(tmp_path: Path) -> None:
    path, context = tmp_path / "cache.sqlite", multiprocessing.get_context("forkserver")
    Cache(path).close()
    said = context.SimpleQueue()
    workers = [context.Process(target=use, args=(path, said)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        worker.kill()  # one that is still at it hangs
    assert [said.get() for _ in workers if not said.empty()] == ["done"] * 4
    cache = Cache(path, max_bytes=20_000)
    assert cache.held_bytes <= 20_000 + 4 * 1_000  # each is a twentieth late at most
    cache.close()


def test_an_empty_cache_is_one() -> None:
    """`cache or Cache()` would put another in the place of each that is still empty."""
    assert Cache()


@pytest.mark.parametrize(
    ("write", "error", "said"), [(True, ValueError, "is no cache"), (False, OSError, "cannot be opened")]
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, write: bool, error: type[Exception], said: str) -> None:
    path = tmp_path / "cache.sqlite"
    if write:
        path.write_bytes(b"something else altogether, and long enough to be read as a page of a database" * 20)
    else:
        path.mkdir()
    with pytest.raises(error, match=said):
        Cache(path)
