"""What a person consents to, as bytes: canonical JSON under a name of its own, and its SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import rfc8785

from ringfence.intents import Op, Terms

PURPOSE = b"ringfence/intent/v1"


def canonical(terms: Terms) -> bytes:
    """Every term in the one form that is stored, audited and digested (RFC 8785)."""
    document = terms.model_dump(mode="json")
    if terms.role is None:
        del document["role"]  # what was proposed before there were roles keeps its digest
    return rfc8785.dumps(document)


def digest_of(terms: Terms) -> str:
    """SHA-256 over `ringfence/intent/v1` and the canonical form of every term, in hexadecimal."""
    return digest_of_bytes(canonical(terms))


def digest_of_bytes(encoded: bytes) -> str:
    """The digest of terms that are canonical already."""
    return hashlib.sha256(PURPOSE + encoded).hexdigest()


def stock_key(op: Op, stock: Sequence[tuple[str, str]]) -> str:
    """The name of a wish for exactly this stock, whatever the order: `stock` is provider and number."""
    return _hash(
        {"op": op.value, "stock": sorted([provider, number] for provider, number in stock)}
    )


def items_hash(items: Sequence[str]) -> str:
    """The name of a list of ids, whatever their order."""
    return _hash({"items": sorted(items)})


def wish_hash(key: str, *, assistant_id: str | None, max_total: str | None) -> str:
    """The name of everything about a wish that a repeat under the same key must share."""
    return _hash({"stock": key, "assistant_id": assistant_id, "max_total": max_total})


def _hash(document: dict[str, object]) -> str:
    return hashlib.sha256(rfc8785.dumps(document)).hexdigest()  # type: ignore[arg-type]  # plain JSON values
