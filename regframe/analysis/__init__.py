"""Answers from frames: storage, releases, growth, bases. Functions from frames to frames, without I/O."""

from regframe.analysis.bases import bases
from regframe.analysis.compare import diff
from regframe.analysis.drift import drift, tag_history
from regframe.analysis.growth import growth
from regframe.analysis.places import compare
from regframe.analysis.platforms import platforms
from regframe.analysis.reclaimable import reclaimable
from regframe.analysis.releases import aliases, cadence, releases
from regframe.analysis.retention import retention
from regframe.analysis.selecting import select
from regframe.analysis.storage import storage
from regframe.analysis.summary import Summary, summary

__all__ = [
    "Summary",
    "aliases",
    "bases",
    "cadence",
    "compare",
    "diff",
    "drift",
    "growth",
    "platforms",
    "reclaimable",
    "releases",
    "retention",
    "select",
    "storage",
    "summary",
    "tag_history",
]
