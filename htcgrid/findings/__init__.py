"""What is found out about a session that does not end, or about a grid: for ``htcgrid explain``, and for who waits."""

from htcgrid.findings.finding import Finding, FindingKind

__all__ = ["Finding", "FindingKind"]
