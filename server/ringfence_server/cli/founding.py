"""Founding a live installation: its first two approvers, one after the other, at one terminal."""

from __future__ import annotations

from ringfence.guard import authority
from ringfence_server.cli.approvers import enroll_signed, is_name, new_root, root_made, signer_here
from ringfence_server.cli.output import filled
from ringfence_server.cli.terminal import MAX_TRIES, Terminal
from ringfence_server.keys.locked import Unlocked
from ringfence_server.opening import Premises

ENOUGH = 2
WHY_TWO = (
    "One approver is not enough. When the one key, or its passphrase, is lost, nobody can approve, loosen or "
    "unfreeze anything, and only the recovery key on its paper helps. And nobody looks at what one person signs: "
    "consent of two people (four eyes) needs two."
)


def lead(opened: Premises) -> None:
    """Lead through the approvers that are missing, until there are two, or the people there leave.

    Raises:
        ConfigurationError, NotAuthorized: a passphrase or the recovery key was not given; what is done stays done.
    """
    people = _people(opened)
    if len(people) >= ENOUGH:
        return
    with Terminal() as terminal:
        if not people:
            terminal.say(f"\n{filled(_before_the_first(opened))}")
            person = _name(terminal, "The first approver, a short name such as ada: ", ())
            if person is None:
                return
            _, path, _ = enroll_signed(terminal, opened, person, _root(terminal, opened))
            people = frozenset({person})
            terminal.say(f"{person} may sign now. The locked key is in {path}.")
        else:
            terminal.say(f"\n{' and '.join(sorted(people))} may sign here already.")
        terminal.say(f"\n{filled(WHY_TWO)}\n")
        person = _name(terminal, "The second approver, another person: ", people)
        if person is None:
            return
        terminal.say(f"Whoever may sign already signs for {person}.")
        signer = signer_here(terminal, opened, None, is_recovery=False)
        _, path, _ = enroll_signed(terminal, opened, person, signer)
        terminal.say(
            f"{person} may sign as well. The locked key is in {path}; it is theirs to keep."
        )


def what_is_next(opened: Premises) -> str:
    """What a person does next in a live installation."""
    people = _people(opened)
    missing = ENOUGH - len(people)
    signing = (
        "sign what may be bought: ringfence policy apply FILE. Until then its policy allows nothing, and every "
        "purchase is refused."
    )
    if missing <= 0:
        return filled(f"{' and '.join(sorted(people))} may sign here. Next, {signing}")
    enrolling = "ringfence approver enroll NAME, or in a terminal again: ringfence init."
    if missing == 1:
        return "\n".join(
            [filled(WHY_TWO), f"The second one: {enrolling}", filled(f"Then {signing}")]
        )
    return "\n".join(
        [
            f"It is live. Enrol two approvers: {enrolling}",
            filled(WHY_TWO),
            filled(f"Then {signing}"),
        ]
    )


def _before_the_first(opened: Premises) -> str:
    """What there is where nobody may sign."""
    made = opened.desk.store.read_now(root_made)
    if made is None:
        return "This installation is live: what is bought here, approvers sign."
    return (
        f"This installation is live, and its root is there already, made on {made:%Y-%m-%d}; but nobody may sign "
        "yet. So the first approver is let in with the recovery key that was shown then. If its paper is lost, leave "
        "with Ctrl-C and found another installation: another RINGFENCE_HOME, then ringfence init."
    )


def _people(opened: Premises) -> frozenset[str]:
    return opened.desk.store.read_now(authority.read).people


def _name(terminal: Terminal, prompt: str, taken: frozenset[str] | tuple[()]) -> str | None:
    """A short name that nobody has here yet; None where nobody wants to."""
    for _ in range(MAX_TRIES):
        person = terminal.line(prompt, if_left="You left: nobody was enrolled by this.")
        if not person:
            return None
        if person in taken:
            terminal.say(f"{person} is one already: two keys of one person are one person.")
        elif is_name(person):
            return person
        else:
            terminal.say("Up to 32 lower-case letters, digits, . _ or -, such as ada.")
    return None


def _root(terminal: Terminal, opened: Premises) -> Unlocked:
    """The recovery key: a new one, or off its paper where an earlier try has made the root."""
    store = opened.desk.store
    if store.read_now(authority.read).recovery is None:
        return new_root(terminal, store)
    return signer_here(terminal, opened, None, is_recovery=False)
