from pathlib import Path

import pytest
from jinja2 import UndefinedError

from nest_builder.templates import templates


@pytest.mark.parametrize(("autoescape", "expected"), [(True, "a\n&lt;b&gt;\n"), (False, "a\n<b>\n")])
def test_values_are_escaped_or_not_and_blocks_leave_no_line(tmp_path: Path, autoescape: bool, expected: str) -> None:
    (tmp_path / "t.j2").write_text("a\n  {% if true %}\n{{ value }}\n  {% endif %}\n", encoding="utf-8")
    template = templates(tmp_path, autoescape=autoescape).get_template("t.j2")
    assert template.render(value="<b>") == expected
    with pytest.raises(UndefinedError):
        template.render()
