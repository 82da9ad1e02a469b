"""Stages: one pass over a chain. The innermost runs the core's loader, each other one verb."""

from .load import count_records
from .stage import Open, Stage, State
from .tree import open_chain, open_stages

__all__ = ["Open", "Stage", "State", "count_records", "open_chain", "open_stages"]
