"""What a flow closes over stays at home."""

import threading

import cloudpickle
import pytest

from flows.scale import StaysHere, task_runner
from nest_builder.config import ScaleSettings


def test_what_a_flow_closes_over_does_not_travel() -> None:
    lock = threading.RLock()  # as progress bars have one, which cannot be pickled

    def stages(name: str) -> str:
        with lock:
            return f"built {name}"

    run = StaysHere(stages)
    assert run("all") == "built all"
    travelled = cloudpickle.loads(cloudpickle.dumps(lambda: run("all")))
    with pytest.raises(RuntimeError, match="in the flow's own process"):
        travelled()


def test_without_scale_batches_stay_in_the_process() -> None:
    assert type(task_runner(ScaleSettings())).__name__ == "ThreadPoolTaskRunner"
