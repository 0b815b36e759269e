"""The tables, by what they are about; each stage's table has one writer."""

from nest_builder.store.tables.base import Base, Row, UtcTime
from nest_builder.store.tables.leases import Lease
from nest_builder.store.tables.news import Article, Claim, Entity, Entry, Figure, Mention, Page, SourceState
from nest_builder.store.tables.records import Decision, Edition, LedgerEntry, Published, ReviewProject, StageRun
from nest_builder.store.tables.samples import Annotation, Depiction, Image, Route, Sample, Verdict

__all__ = [
    "Annotation",
    "Article",
    "Base",
    "Claim",
    "Decision",
    "Depiction",
    "Edition",
    "Entity",
    "Entry",
    "Figure",
    "Image",
    "Lease",
    "LedgerEntry",
    "Mention",
    "Page",
    "Published",
    "ReviewProject",
    "Route",
    "Row",
    "Sample",
    "SourceState",
    "StageRun",
    "UtcTime",
    "Verdict",
]
