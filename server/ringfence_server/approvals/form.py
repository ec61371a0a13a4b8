"""The forms that there are: a decision, a passkey's answer, and the code of an invitation."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request

from ringfence.guard.passkeys import MAX_ANSWER_CHARACTERS
from ringfence.intents import DeclineReason
from ringfence_server.approvals.gate import most_bytes

APPROVE = "approve"
DECLINE = "decline"
WITHDRAW = "withdraw"
DECISIONS = frozenset({APPROVE, DECLINE, WITHDRAW, *DeclineReason})
_NONCE = re.compile(r"[A-Za-z0-9_-]{43}")
_CODE = re.compile(r"[A-Za-z0-9]{4}[ -]?[A-Za-z0-9]{4}")


@dataclass(frozen=True)
class Form:
    """What a person decided, and with which form."""

    decision: str
    nonce: str


@dataclass(frozen=True)
class Signed:
    """What a passkey answered, and to which form."""

    answer: str
    nonce: str


async def read_form(request: Request) -> Form | None:
    """A decision, if it is exactly that: two fields, once each."""
    fields = await _fields(request, {"decision", "nonce"})
    if fields is None:
        return None
    form = Form(fields["decision"], fields["nonce"])
    is_form = form.decision in DECISIONS and _NONCE.fullmatch(form.nonce)
    return form if is_form else None


async def read_signed(request: Request) -> Signed | None:
    """A passkey's answer to a form."""
    fields = await _fields(request, {"answer", "nonce"})
    if fields is None or not _is_answer(fields["answer"]) or not _NONCE.fullmatch(fields["nonce"]):
        return None
    return Signed(fields["answer"], fields["nonce"])


async def read_answer(request: Request) -> str | None:
    """A passkey's answer alone: what it signs or makes says by itself what it is for."""
    fields = await _fields(request, {"answer"})
    return fields["answer"] if fields is not None and _is_answer(fields["answer"]) else None


async def read_code(request: Request) -> str | None:
    """What somebody typed as the code of an invitation: empty where it cannot be one, None where it is no form."""
    fields = await _fields(request, {"code"})
    if fields is None:
        return None
    typed = fields["code"].strip()
    return typed if _CODE.fullmatch(typed) else ""


def _is_answer(text: str) -> bool:
    return text.isascii() and text.isprintable() and 0 < len(text) <= MAX_ANSWER_CHARACTERS


async def _fields(request: Request, names: Collection[str]) -> dict[str, str] | None:
    """The fields of a form, if they are exactly these, once each."""
    if request.headers.get("content-type", "") != "application/x-www-form-urlencoded":
        return None
    body, most = b"", most_bytes(request.url.path)
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            return None
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=len(names),
        )
    except ValueError:
        return None
    fields = dict(pairs)
    return fields if len(pairs) == len(names) and fields.keys() == set(names) else None
