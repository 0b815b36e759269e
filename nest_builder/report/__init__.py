"""The HTML report: one self-contained page about an edition, for people."""

from nest_builder.report.page import write_report

__all__ = ["write_report"]
