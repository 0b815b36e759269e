from pathlib import Path
from typing import Any

import pytest

from nest_builder.report.editions import facts_of, find, latest, read_editions
from nest_builder.store.tables import Edition
from tests.builders import new_store


def listed(tmp_path: Path, **manifests: dict[str, Any]) -> list[Any]:
    store = new_store(tmp_path)
    with store.sessions() as session:
        for name, manifest in manifests.items():
            row = Edition(name=name.replace("_", "."), path="", manifest=manifest)
            row.seal(row.name)
            session.add(row)
        session.flush()
        found = read_editions(session)
    store.close()
    return found


def test_the_newest_that_stands_comes_first(tmp_path: Path) -> None:
    editions = listed(
        tmp_path,
        trial={},
        **{"2025_9": {}, "2025_10": {}, "2025_10_1": {"supersedes": "2025.10", "tombstones": []}, "2025_09": {}},
    )
    assert [one.name for one in editions] == ["2025.10.1", "2025.10", "2025.09", "trial", "2025.9"]
    assert latest(editions) == "2025.10.1"
    assert not any(one.withdrawn_by for one in editions), "a correction leaves what it corrects"


def test_what_was_withdrawn_is_not_shown(tmp_path: Path) -> None:
    stones = {"tombstones": [{"id": "x"}]}
    editions = listed(
        tmp_path, **{"2025_09": {}, "2025_10": {}, "2025_10_1": {}, "2025_10_2": stones, "2025_10_3": stones}
    )
    by = {one.name: one.withdrawn_by for one in editions}
    assert by == {"2025.09": "", "2025.10": "2025.10.3", "2025.10.1": "2025.10.3", "2025.10.2": "", "2025.10.3": ""}
    with pytest.raises(LookupError, match=r"was withdrawn: '2025\.10\.3'"):
        find(editions, "2025.10")
    with pytest.raises(LookupError, match="nest status"):
        find(editions, "2025.11")
    assert find([], None) is None


@pytest.mark.parametrize(
    ("manifest", "facts"),
    [
        ({}, []),
        ({"window": None, "supersedes": None, "tombstones": [], "changes": {"against": None, "added": ["a"]}}, []),
        (
            {"window": {"since": "2025-10-01T00:00:00Z", "until": "2025-11-01T00:00:00Z"}},
            ["articles before 2025-11-01"],
        ),
        (
            {"changes": {"against": "2025.09", "added": ["a"] * 1200, "removed": [], "changed": []}},
            ["1,200 added since 2025.09"],
        ),
        ({"name": "2025.10.2", "supersedes": "2025.10.1"}, ["revision 2 of 2025.10", "supersedes 2025.10.1"]),
        ({"tombstones": [{"id": "a"}, {"id": "b"}]}, ["2 withdrawn"]),
    ],
)
def test_facts(manifest: dict[str, Any], facts: list[str]) -> None:
    assert facts_of({"name": "2025.10", **manifest}) == facts
