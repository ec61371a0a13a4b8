"""What a third party needs who does not trust us: the whole history, or the evidence of one purchase.

Everything in it is as it was stored, so that hashes and signatures can be verified again. It holds public keys,
phone numbers and prices; no key that could sign, no passphrase and no credential is in the database at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from typing import Any

from ringfence.approvers import AUTHORITY, Purpose, fingerprint
from ringfence.errors import NotAuthorized, NotFound
from ringfence.guard import approval, authority
from ringfence.guard.digest import canonical
from ringfence.intents import Intent, Op
from ringfence.store import attempts, audit, inventory, ledger, policies, statements
from ringfence.store.checkpoints import Checkpoint
from ringfence.store.transaction import Transaction

EXPORT = "ringfence/audit/1"
EVIDENCE = "ringfence/evidence/1"

Document = dict[str, Any]


def history(tx: Transaction, *, with_texts: bool) -> Iterator[Document]:
    """Everything, one document after the other; no more than a few are in memory at once.

    First what says what to look for, then the events: whoever verifies reads it once, from front to back.
    """
    seq, head = audit.head(tx)
    yield {
        "kind": "header",
        "format": EXPORT,
        "installation_id": tx.installation_id,
        "mode": tx.mode,
        "root": _root(tx),
        "size": seq,
        "head": head,
    }
    for document in _policies(tx):
        yield {"kind": "policy", **document}
    for raw in statements.raw(tx):
        yield {"kind": "statement", **_statement(raw)}
    for checkpoint in checkpoints(tx):
        yield {"kind": "checkpoint", "checkpoint": checkpoint}
    if with_texts:
        for subject_id, words in audit.all_words(tx):
            yield {
                "kind": "words",
                "subject_id": subject_id,
                "salt": words.salt,
                "text": words.text,
            }
    count = 0
    for count, event in enumerate(audit.stored(tx), start=1):  # noqa: B007  # the last one counts
        yield {"kind": "event", **_event(event)}
    yield {"kind": "end", "events": count}


def of_purchase(tx: Transaction, intent_id: str, *, with_texts: bool) -> Document:
    """The evidence of one purchase: from its proposal to its outcome, and who consented to what they were shown.

    A chain cannot be followed with holes in it, so the events of others that happened meanwhile are in it too, up to
    the next checkpoint; of what those others were consented to it says nothing. Everything in it is as it was at that
    checkpoint: who may sign later, and by which rules, is no part of it.

    Raises:
        NotFound: no such intent, or none that was ever asked about.
    """
    intent = approval.existing(tx, intent_id)
    subjects = [intent_id, *(line.line_id for line in intent.lines)]
    sent = [row for line in intent.lines for row in attempts.of_line(tx, line.line_id)]
    places = audit.places_of(tx, [*subjects, *(row.attempt_id for row in sent)])
    if not places:
        raise NotFound(f"The history tells nothing of {intent_id}.")
    adjusted = _adjustments(tx, intent)
    last = max(
        *(seq for seq in places if audit.event_at(tx, seq)["type"] != "words.erased"),
        *(event["seq"] for event in adjusted),
    )
    witness = next((each for each in checkpoints(tx) if _is_witness(tx, each, last)), None)
    end = _size(witness) if witness is not None else audit.head(tx)[0]
    words = audit.words_of(tx, intent_id)
    return {
        "format": EVIDENCE,
        "installation_id": tx.installation_id,
        "mode": tx.mode,
        "root": _root(tx),
        "intent_id": intent_id,
        "terms": canonical(intent.terms).decode(),
        "digest": intent.digest,
        "policies": _policies_until(tx, end),
        "statements": [_statement(raw) for raw in _statements_until(tx, intent, end)],
        "attempts": [
            {
                "attempt_id": row.attempt_id,
                "line_id": row.line_id,
                "request_hash": row.request_hash,
                "outcome": row.outcome,
                "answer": row.evidence,
            }
            for row in sent
        ],
        "ledger": [ledger.entry_document(entry) for entry in _entries(tx, intent, adjusted)],
        "words": {"salt": words.salt, "text": words.text}
        if with_texts and words is not None and not words.is_erased
        else None,
        "before": {"seq": places[0] - 1, "hash": audit.hash_at(tx, places[0] - 1)},
        "events": [_event(each) for each in audit.stored(tx, since=places[0], until=end)],
        "checkpoint": witness,
    }


def checkpoints(tx: Transaction) -> Iterator[Document]:
    """What stands in the file of checkpoints, in order; a line that is none is an empty document.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    if tx.checkpoints is None:
        return
    for found in tx.checkpoints.made(tx.installation_id):
        yield document_of(found) if found is not None else {}


def document_of(checkpoint: Checkpoint) -> Document:
    """A checkpoint as it is written."""
    return checkpoint.model_dump(mode="json")


def _size(checkpoint: Document) -> int:
    return int(checkpoint.get("size", 0))


def _is_witness(tx: Transaction, checkpoint: Document, last: int) -> bool:
    """Whether it was made over this very history, as far as an event or further.

    Where an older copy was put back, the file may hold what another history has come to.
    """
    size = _size(checkpoint)
    return size >= last and audit.hash_at(tx, size) == checkpoint["head"]


def _adjustments(tx: Transaction, intent: Intent) -> list[Document]:
    """The events by which approvers said that its numbers were charged otherwise."""
    if intent.terms.op is not Op.BUY:
        return []
    numbers = [inventory.by_line(tx, line.line_id) for line in intent.lines]
    found = [audit.about(tx, record.number_id) for record in numbers if record is not None]
    return [event for events in found for event in events if event["type"] == "ledger.adjusted"]


def _entries(
    tx: Transaction, intent: Intent, adjusted: Sequence[Document]
) -> Iterator[ledger.Entry]:
    """What the ledger says of its lines, and of charges that were adjusted."""
    yield from ledger.of_intent(tx, intent.intent_id)
    for event in adjusted:
        named = ledger.get(tx, event["body"]["entry"])
        if named is not None:  # one that was deleted is missed by whoever verifies
            yield named


def _policies_until(tx: Transaction, end: int) -> list[Document]:
    """The policies that were put in force up to an event."""
    later = {event["subject"] for event in audit.since(tx, end, "policy.applied")}
    return [each for each in _policies(tx) if f"policy {each['version']}" not in later]


def _statements_until(tx: Transaction, intent: Intent, end: int) -> Iterator[statements.Raw]:
    """What was signed up to an event about who may sign, about policies, and about an intent."""
    later = {
        (event["body"]["statement"], event["body"]["signature"])
        for event in audit.since(tx, end, statements.SIGNED)
    }
    for raw in statements.raw(tx):
        if _is_needed(raw, intent) and _made_at(raw) <= end:
            signed = [
                each for each in raw.signatures if (_hash(raw.text), _hash(each[1])) not in later
            ]
            yield replace(raw, signatures=tuple(signed))


def _made_at(raw: statements.Raw) -> int:
    """How far the chain had come when it was made; 0 where it does not say."""
    with suppress(ValueError, TypeError, KeyError):
        return int(json.loads(raw.text)["audit_seq"])
    return 0


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _is_needed(raw: statements.Raw, intent: Intent) -> bool:
    """Whether it is about who may sign, about a policy, or about this intent."""
    if raw.purpose in {*AUTHORITY, Purpose.POLICY}:
        return True
    return raw.purpose == Purpose.APPROVE and f'"subject":"{intent.intent_id}"' in raw.text


def _root(tx: Transaction) -> str | None:
    """The fingerprint of the root; None where there is none that can be read."""
    with suppress(NotAuthorized):
        for signed in statements.of_purposes(tx, [Purpose.ROOT]):
            key = authority.key_in(authority.parse(signed))
            return fingerprint(bytes.fromhex(key.public_key))
    return None


def _policies(tx: Transaction) -> Iterator[Document]:
    for version, text, digest in policies.raw(tx):
        yield {"version": version, "document": text, "hash": digest}


def _statement(raw: statements.Raw) -> Document:
    return {
        "purpose": raw.purpose,
        "bytes": raw.text,
        "signatures": [{"key_id": key_id, "bytes": text} for key_id, text in raw.signatures],
    }


def _event(event: audit.Stored) -> Document:
    return {"seq": event.seq, "hash": event.hash, "bytes": event.text}
