"""The one form there is: a decision, and the nonce that it must be sent with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request

from ringfence.intents import DeclineReason
from ringfence_server.approvals.gate import MAX_BODY_BYTES

APPROVE = "approve"
DECLINE = "decline"
WITHDRAW = "withdraw"
DECISIONS = frozenset({APPROVE, DECLINE, WITHDRAW, *DeclineReason})
_NONCE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Form:
    """What a person decided, and with which form."""

    decision: str
    nonce: str


async def read_form(request: Request) -> Form | None:
    """The form, if it is exactly that: two fields, once each."""
    if request.headers.get("content-type", "") != "application/x-www-form-urlencoded":
        return None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    try:
        pairs = parse_qsl(body.decode("ascii"), strict_parsing=True, max_num_fields=2)
    except ValueError:
        return None
    fields = dict(pairs)
    if len(pairs) != 2 or fields.keys() != {"decision", "nonce"}:
        return None
    form = Form(fields["decision"], fields["nonce"])
    is_form = form.decision in DECISIONS and _NONCE.fullmatch(form.nonce)
    return form if is_form else None
