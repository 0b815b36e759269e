"""The stage contract: the heart of the pipeline.

A stage names itself, lists its items, and turns a batch of items into outcomes. The runner (``nest_builder.runner``) finds which items
are pending, and writes a batch's rows, outcomes and ledger entries in one transaction. No stage knows another stage: they meet in the
store. Hence a run that is killed anywhere loses at most one batch, a second run does nothing, and a changed model re-runs its stage and
what depends on it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy.orm import Session

from nest_builder.reasons import Reason
from nest_builder.store.tables import Row


@dataclass(frozen=True, slots=True)
class Item:
    """A unit of work: a key that is unique in its stage, and a digest of everything the store holds that its result depends on."""

    key: str
    inputs: str


@dataclass(frozen=True, slots=True)
class Done:
    """The item gave rows (maybe none); ``dropped`` counts parts of it that were turned away."""

    item: str
    rows: Sequence[Row] = ()
    dropped: Mapping[Reason, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """The item is turned away for good, for a reason that is counted; ``detail`` is for whoever looks."""

    item: str
    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """Something went wrong that may go right the next time; retried up to the runner's limit."""

    item: str
    error: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """A service that the item needs gives nothing, which is not the item's fault.

    It is as if the run had not come to it: what is stored stays, and no attempt is counted. It comes again in the next run. A batch with
    nothing else ends the pass: the service is no likelier to be up for the next one.
    """

    item: str
    reason: str


Outcome = Done | Rejected | Failed | Postponed


class Stage(Protocol):
    """What the runner needs of a stage."""

    name: str
    batch_size: int
    tables: tuple[type[Row], ...]  # the tables whose rows this stage, and no other, writes
    keeps_history: bool  # True: rows of items that are no longer listed stay (collect); False: they are swept away
    # Optional: ``spread = True`` says that batches read nothing another batch of the stage writes, so that they may run at the same
    # time, in several processes. Without it a stage's batches run one after the other, wherever they run.

    def identity(self) -> Any:
        """Return what results depend on besides an item's inputs: parameters, models, a version of the code's behaviour."""

    def items(self, session: Session) -> Sequence[Item]:
        """List every item in an order that does not depend on how work was batched; read-only."""

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        """Turn a batch into one outcome an item; reads the store, writes nothing to it (blobs are fine)."""


@dataclass(slots=True)
class Report:
    """Counts of one pass of a stage."""

    stage: str
    done: int = 0
    rejected: int = 0
    failed: int = 0
    unchanged: int = 0
    swept: int = 0
    postponed: dict[str, str] = field(default_factory=dict)  # items that are left for another run -> why
    reasons: Counter[str] = field(default_factory=Counter)
    elsewhere: int = 0  # 1 for a batch that nothing was done with, since another process works on its items
    batches: int = 0
    batch_seconds: float = (
        0.0  # in run_batch; the rest of ``seconds`` goes into listing, sweeping and whoever hands out the batches
    )
    seconds: float = 0.0
    requests: Counter[tuple[str, str]] = field(default_factory=Counter)  # of another process: see RunMetrics.batch

    @property
    def worked(self) -> int:
        """Return how many items were processed."""
        return self.done + self.rejected + self.failed

    @property
    def waits_for(self) -> str:
        """Return why items are left for another run; "" where none is."""
        return next(reversed(self.postponed.values()), "")

    def add(self, part: "Report") -> None:
        """Add a batch's counts; a retry's success takes back nothing, each attempt is counted as it went."""
        self.done += part.done
        self.rejected += part.rejected
        self.failed += part.failed
        self.postponed |= part.postponed
        self.batches += part.batches
        self.batch_seconds += part.batch_seconds
        self.reasons.update(part.reasons)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {
            "done": self.done, "rejected": self.rejected, "failed": self.failed, "unchanged": self.unchanged,
            "swept": self.swept, "postponed": len(self.postponed), "waits_for": self.waits_for,
            "reasons": dict(sorted(self.reasons.items())), "batches": self.batches,
            "batch_seconds": round(self.batch_seconds, 3), "seconds": round(self.seconds, 3),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Batch:
    """Items of one stage that are processed and committed together, each with the fingerprint it was listed under."""

    stage: str
    items: tuple[Item, ...]
    fingerprints: tuple[str, ...]
    run: str = (
        ""  # of which run, and which of the stage's batches there, from 1: for the logs, wherever it is processed
    )
    number: int = 0
