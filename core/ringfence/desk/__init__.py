"""The desk: what a caller can ask for, one story a module.

Every function takes the `Desk` (what the stories stand on) and the principal who asks, and returns nouns; the
tools turn those into results. Nothing here waits for a person or sends a paid request: the runner does.
"""

from ringfence.desk.counter import Desk

__all__ = ["Desk"]
