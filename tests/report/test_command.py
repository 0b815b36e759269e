import json
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from nest_builder.cli import app
from nest_builder.report import write_report
from nest_builder.store.tables import Image
from tests.builders import fill_store, new_store
from tests.report.conftest import Work, export

COMMANDS = CliRunner()


def test_report_says_where_it_is(work: Work, tmp_path: Path) -> None:
    name = work.page.parent.name
    asked = ["report", "--workdir", str(work.folder), "--edition", name, "--out", str(tmp_path / "site"), "--json"]
    result = COMMANDS.invoke(app, asked)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"report": str(tmp_path / "site" / name / "index.html")}
    assert (tmp_path / "site" / name / "index.html").read_bytes() == work.page.read_bytes()
    said = COMMANDS.invoke(app, ["report", "--workdir", str(work.folder)])
    assert said.exit_code == 0
    assert "".join(said.stdout.split()).endswith(f"site/{name}/index.html")


@pytest.mark.parametrize(("edition", "message"), [("2031.01", "no edition '2031.01'"), ("../..", "no edition '../..'")])
def test_an_edition_that_is_not_there(work: Work, edition: str, message: str) -> None:
    result = COMMANDS.invoke(app, ["report", "--workdir", str(work.folder), "--edition", edition])
    assert result.exit_code == 1
    assert message in " ".join(result.stderr.split())


def test_nothing_built(tmp_path: Path) -> None:
    result = COMMANDS.invoke(app, ["report", "--workdir", str(tmp_path)])
    assert result.exit_code == 1
    assert "nothing built yet" in " ".join(result.stderr.split())
    assert not list(tmp_path.iterdir())


def test_what_is_withdrawn_leaves_the_site_at_once(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    fill_store(store, 6)
    export(store, tmp_path)
    page = write_report(store, tmp_path)
    with store.sessions() as session:
        sha256 = session.scalars(select(Image.sha256).limit(1)).one()
    store.close()
    pictures = page.parent.parent / "pictures"
    assert len(list(pictures.rglob(f"{sha256[:20]}.*"))) == 2
    result = COMMANDS.invoke(app, ["edition", "withdraw", sha256, "--workdir", str(tmp_path), "--json"])
    assert result.exit_code == 0, result.output
    assert not page.exists()
    assert (page.parent.parent / f"{page.parent.name}.1" / "index.html").is_file()
    assert list(pictures.rglob(f"{sha256[:20]}.*")) == []
