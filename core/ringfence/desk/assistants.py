"""The register of assistants: who may be given numbers, and where their calls and texts go."""

from __future__ import annotations

from difflib import get_close_matches

from ringfence.errors import InvalidArguments, PolicyRefused
from ringfence.inventory import Routing
from ringfence.policy import PolicyDocument


def check_registered(rules: PolicyDocument, assistant_id: str | None) -> None:
    """Find a wrong assistant before anything is paid.

    Raises:
        InvalidArguments: not in the register; `details.assistants` lists who is.
    """
    if assistant_id is None or rules.assistant(assistant_id) is not None:
        return
    names = registered(rules)
    close = get_close_matches(assistant_id, names, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise InvalidArguments(
        f"assistant_id: {assistant_id!r} is not registered.{hint}",
        remedy=f"Use one of: {', '.join(names) or 'none is registered; only the person can add one'}.",
        details={"assistants": names},
    )


def registered(rules: PolicyDocument) -> list[str]:
    """Names and patterns in the register."""
    return sorted(entry.name for entry in rules.assistants)


def routing_for(rules: PolicyDocument, assistant_id: str | None) -> Routing:
    """Where calls and texts of an assistant go; empty for none.

    Raises:
        PolicyRefused: it has left the register since it was chosen, and its addresses with it.
    """
    if assistant_id is None:
        return Routing()
    entry = rules.assistant(assistant_id)
    if entry is None:
        raise PolicyRefused(
            f"{assistant_id} is registered no longer, so nothing can be connected to it.",
            remedy="Tell the person to register it again, or choose another with assign_number.",
        )
    fill = {"{assistant_id}": assistant_id}
    return Routing(voice_url=_filled(entry.voice_url, fill), sms_url=_filled(entry.sms_url, fill))


def _filled(template: str | None, fill: dict[str, str]) -> str | None:
    if template is None:
        return None
    for name, value in fill.items():
        template = template.replace(name, value)
    return template
