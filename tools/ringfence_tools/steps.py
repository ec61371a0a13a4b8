"""Steps of connecting a number, as the tools return and read them."""

from __future__ import annotations

from ringfence.desk.assigning import Step
from ringfence_tools.operation import Part


class StepDocument(Part):
    """One thing that was to be done, and whether it is."""

    what: str
    done: bool
    message: str


def step_document(step: Step) -> StepDocument:
    """A step as callers see it."""
    return StepDocument(what=step.what, done=step.done, message=step.message)


def read_step(step: StepDocument) -> str:
    """The same for a person: `- connect: done. +14155550142 is connected to reception.`."""
    return f"- {step.what}: {'done' if step.done else 'not done'}. {step.message}".rstrip()
