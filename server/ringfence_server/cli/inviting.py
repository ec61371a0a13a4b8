"""Inviting in a terminal: the page's address and a code, a wait, and the id of what was made, to compare."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ringfence.approvers import ApproverKey
from ringfence.desk import inviting
from ringfence.errors import ConfigurationError, NotAuthorized
from ringfence.guard import viewing
from ringfence.guard.invitation import LIFE, fresh_code
from ringfence.store.invitations import Invitation
from ringfence_server.approvals.keeping import Keeper
from ringfence_server.cli.at_work import person as whoever_is_here
from ringfence_server.cli.terminal import Terminal
from ringfence_server.opening import Premises

LOOK_SECONDS = 0.5
"""Between two looks whether somebody has answered."""
_MINUTES = int(LIFE.total_seconds()) // 60


@contextmanager
def invited(
    terminal: Terminal, opened: Premises, person: str, *, public: str | None = None
) -> Iterator[tuple[Invitation, ApproverKey]]:
    """Somebody who was invited, with the passkey that they made; the invitation ends on the way out.

    The page is served from here for as long as nobody else does. With `public` the passkey is made at that address of
    it, which is shown as a QR code too; the code that is typed there is in neither.

    Raises:
        NotAuthorized: nobody answered in time, or what they made is not what they see.
        ConfigurationError: there can be no page where passkeys would be of use.
    """
    keeper = opened.page_keeper()
    try:
        origin = _origin(opened, keeper)
        code = fresh_code()
        invitation = inviting.invite(
            opened.desk, person, code, actor=whoever_is_here(), origin=public
        )
        try:
            page = f"{public or origin}/enroll"
            picture = f"\n\n{qr_code(page)}" if public else ""
            terminal.say(_CODE.format(page=f"{page}{picture}", person=person, code=code))
            key = _wait(opened, keeper, invitation)
            _compare(terminal, key)
            yield invitation, key
        finally:
            inviting.end(opened.desk, invitation.invitation_id)
    finally:
        keeper.close()


_CODE = f"""
Open this page in a browser on the device that shall hold the passkey:

    {{page}}

and type this code there, which is good for {_MINUTES} minutes:

    {{code}}

Waiting for {{person}} to make a passkey; Ctrl-C ends this."""


def public_address(opened: Premises) -> str:
    """The page's public address, where people at other devices make their passkeys.

    Raises:
        ConfigurationError: the policy names none.
        NotAuthorized: nobody stands for the policy that does.
    """
    named = opened.desk.store.read_now(viewing.public_page)
    if named is None:
        raise ConfigurationError(
            "The policy names no public address, so nobody at another device can reach the approval page.",
            remedy="Add `approvals: {public_url: https://HOST}` to the policy: ringfence policy show, "
            "then ringfence policy apply FILE. docs/phones.md tells the rest.",
        )
    return named.public_url


def qr_code(address: str) -> str:
    """An address as a picture of half-block characters, for a phone's camera to read off the terminal."""
    import segno  # lazily: only whoever invites somebody pays

    drawn = io.StringIO()
    segno.make(address, micro=False).terminal(out=drawn, border=2, compact=True)
    return "\n".join(f"    {line}" for line in drawn.getvalue().splitlines())


def _origin(opened: Premises, keeper: Keeper) -> str:
    """Where the page is, which is where a passkey will have to sign."""
    origin, wanted = keeper.ensure(), opened.settings.approvals_url
    if origin is None:
        raise ConfigurationError(
            f"{wanted} belongs to another program, so there is no page.",
            remedy="End that program, or set RINGFENCE_APPROVALS_URL to another port.",
        )
    if origin != wanted:
        raise ConfigurationError(
            f"The page is at {origin} today, and a passkey signs only where it was made.",
            remedy="Set RINGFENCE_APPROVALS_URL to a port that is free and stays so, and end what holds the page.",
        )
    return origin


def _wait(opened: Premises, keeper: Keeper, invitation: Invitation) -> ApproverKey:
    while True:
        key = inviting.made(opened.desk, invitation.invitation_id)
        if key is not None:
            return key
        keeper.ensure()  # whoever serves the page may end meanwhile
        time.sleep(LOOK_SECONDS)


def _compare(terminal: Terminal, key: ApproverKey) -> None:
    """Have the person say that what came is what they made.

    Raises:
        NotAuthorized: it is not.
    """
    terminal.say(
        f"\nA passkey was made for {key.person}. Its id is {key.shown_id}; the page must show the same."
    )
    asked = "If it does, type its last four characters; or no: "
    said = terminal.line(asked, if_left="You left: nobody was enrolled.")
    if said.lower() != key.key_id[-4:]:
        raise NotAuthorized(
            "The two ids were not the same, or nobody said so; nobody was enrolled.",
            remedy="If they really differed, somebody else has made that passkey: find out who.",
        )
