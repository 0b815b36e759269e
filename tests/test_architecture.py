"""What may know what."""

import ast
from pathlib import Path

import pytest

import nest_builder

PACKAGE = Path(nest_builder.__file__).parent
# The simulated web, what is trained and measured on it, and the command that offers them; all else is the product.
OUTSIDE = ("newsworld", "tiny", "bench", "score.py", "cli.py")
PRODUCT = [path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).parts[0] not in OUTSIDE]


def imported(path: Path) -> set[str]:
    """Return the full names of what a module imports anywhere, inside functions too."""
    package = ["nest_builder", *path.relative_to(PACKAGE).parts[:-1]]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return names


def under(names: set[str], package: str) -> list[str]:
    return sorted(name for name in names if name == package or name.startswith(f"{package}."))


def named(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def test_the_search_for_imports_finds_them() -> None:
    assert len(PRODUCT) > 40
    assert under(imported(PACKAGE / "cli.py"), "nest_builder.newsworld")


@pytest.mark.parametrize("path", PRODUCT, ids=named)
def test_the_product_does_not_know_the_simulated_web(path: Path) -> None:
    assert under(imported(path), "nest_builder.newsworld") == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "stages").glob("*.py")), ids=named)
def test_stages_meet_in_the_store_only(path: Path) -> None:
    assert [name for name in under(imported(path), "nest_builder.stages") if name != "nest_builder.stages"] == []


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=named)
def test_prefect_stays_in_the_flows(path: Path) -> None:
    assert under(imported(path), "prefect") == []


def test_each_table_has_one_writer() -> None:
    from nest_builder.store.tables import Row

    owners: dict[str, list[str]] = {}
    for path in sorted((PACKAGE / "stages").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "tables":
                assert isinstance(node.value, ast.Tuple)
                for element in node.value.elts:
                    owners.setdefault(ast.unparse(element), []).append(path.stem)
    assert {table for table, stages in owners.items() if len(stages) > 1} == set()
    assert set(owners) == {table.__name__ for table in Row.__subclasses__()}
