"""What the flow adds to a night: the Prefect block that is told too."""

import pytest
from prefect.blocks.core import Block
from prefect.blocks.notifications import CustomWebhookNotificationBlock

from flows.refresh import block_teller
from nest_builder.config import NotifySettings, Settings
from nest_builder.notify import Message, NotifyError
from tests.receiver import Receiver

MESSAGE = Message("NEST 2025-08-01: edition 2025.07 is published", "- edition 2025.07 is published", "success")


@pytest.mark.parametrize(("path", "arrives"), [("hook-hush", True), ("deaf", False)])
def test_the_block_and_the_others_are_told(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, path: str, arrives: bool
) -> None:
    block = CustomWebhookNotificationBlock(
        name="people",
        url=f"http://{receiver.address}/{path}",
        json_data={"title": "{{subject}}", "message": "{{body}}"},
    )
    monkeypatch.setattr(Block, "load", lambda name: {"custom-webhook/people": block}[name])
    others: list[Message] = []
    tell = block_teller(Settings(notify=NotifySettings(block="custom-webhook/people")), others.append)
    if arrives:
        tell(MESSAGE)
    else:
        with pytest.raises(
            NotifyError, match="the block custom-webhook/people did not take the message: HTTPStatusError"
        ) as error:
            tell(MESSAGE)
        assert receiver.address not in str(error.value)
    assert [(got["title"], got["message"]) for got in receiver.got] == [(MESSAGE.subject, MESSAGE.body)]
    assert others == [MESSAGE]


def test_without_a_block_only_the_others_are_told() -> None:
    others: list[Message] = []
    tell = others.append
    assert block_teller(Settings(), tell) == tell
