import pytest

from nest_builder.report.links import host_of, web_address


@pytest.mark.parametrize(
    ("url", "address", "host"),
    [
        ("https://outlet.test:81/a", "https://outlet.test:81/a", "outlet.test"),
        ("HTTP://outlet.test/a", "HTTP://outlet.test/a", "outlet.test"),
        ("javascript:alert(1)", "", "–"),
        (" javascript:alert(1)", "", "–"),
        ("java\nscript:alert(1)", "", "–"),
        ("data:text/html,x", "", "–"),
        ("//outlet.test/a", "", "outlet.test"),
        ("http://[broken", "", "–"),
        ("", "", "–"),
        (None, "", "–"),
    ],
)
def test_addresses(url: str | None, address: str, host: str) -> None:
    assert (web_address(url), host_of(url)) == (address, host)
