"""Where the time of a Prefect run went: into the stages' work, into running it, into Prefect's server."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nest_builder.stage import Report


@dataclass(frozen=True, slots=True)
class Accounting:
    """Wall times of one run in seconds.

    Attributes:
        tasks: Batches, each a Prefect task.
        batches_s: Inside the batches: reading, the work itself, the commit.
        flow_s: From the flow's call to its end, with the server up.
        server_start_s: Until the server answered.
        server_stop_s: Until it had ended.
    """

    tasks: int
    batches_s: float
    flow_s: float
    server_start_s: float
    server_stop_s: float

    @classmethod
    def of(cls, reports: Sequence[Report], flow_s: float, server_start_s: float, server_stop_s: float) -> "Accounting":
        """Take the batches from the stages' reports."""
        tasks, batches_s = sum(each.batches for each in reports), sum(each.batch_seconds for each in reports)
        return cls(tasks, batches_s, flow_s, server_start_s, server_stop_s)

    @property
    def orchestration_s(self) -> float:
        """Return all of the flow's time outside batches: Prefect's, and what listing items and sweeping take without it too."""
        return self.flow_s - self.batches_s

    @property
    def share(self) -> float:
        """Return the part of the flow's time, 0 to 1, that is orchestration."""
        return self.orchestration_s / self.flow_s

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {
            "tasks": self.tasks, "flow_s": round(self.flow_s, 3), "batches_s": round(self.batches_s, 3),
            "orchestration_s": round(self.orchestration_s, 3), "orchestration_share": round(self.share, 5),
            "server_start_s": round(self.server_start_s, 3), "server_stop_s": round(self.server_stop_s, 3),
        }  # fmt: skip

    def __str__(self) -> str:
        """Return the line that a run ends with."""
        each = f", {1000 * self.orchestration_s / self.tasks:.0f} ms a task" if self.tasks else ""
        return (
            f"flow: {self.tasks} tasks in {self.flow_s:.1f} s, of which orchestration {self.orchestration_s:.1f} s "
            f"({self.share:.1%}{each}); besides, the server's start {self.server_start_s:.1f} s, its end {self.server_stop_s:.1f} s"
        )
