"""The report: a small static site, pages for people about each edition."""

from nest_builder.report.site import write_report

__all__ = ["write_report"]
