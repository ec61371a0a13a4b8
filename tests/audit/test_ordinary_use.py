"""The evidence of every purchase holds, whatever else happened meanwhile, and falls with anything of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import anyio
import pytest
import rfc8785
from sqlalchemy import select

from audit import histories
from audit.histories import STORIES, Bundle, ask, is_bought
from audit.living import Living
from audit.test_verifier import alone
from guard.signing import Signer, approve, enroll, revoke
from house import House
from ringfence.clock import ManualClock
from ringfence.guard import evidence
from ringfence.ids import CountingIds
from ringfence.store import schema
from ringfence.store.anchor import FolderAnchor
from ringfence.store.audit import chain_hash
from ringfence_server.cli.auditing import prove
from ringfence_server.verifier import standalone

SANDBOX = ("approved crosswise", "one withdrawn", "released later", "two people")
"""Stories that are played in a sandbox whose approvers sign, too."""


@dataclass(frozen=True)
class Played:
    """An installation after a story."""

    living: Living
    copied: list[Bundle]
    """Evidence that somebody copied away meanwhile."""

    @property
    def approved(self) -> list[Bundle]:
        """The evidence of everything that somebody approved, as it is handed out now."""
        ids = self.living.house.read(
            lambda tx: list(tx.connection.execute(select(schema.approval.c.intent_id)).scalars())
        )
        return [self.living.evidence_of(each, with_texts=True) for each in ids]


@pytest.fixture(autouse=True, scope="module")
def fast() -> Iterator[None]:
    """The same signature is verified once in all tests; it is a pure function."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("ed25519", "es256"):
            patched.setattr(standalone, name, lru_cache(maxsize=None)(getattr(standalone, name)))
        yield


CASES = [(story, "live") for story in STORIES] + [(story, "sandbox") for story in SANDBOX]


@pytest.fixture(scope="module", params=CASES, ids=[" in ".join(each) for each in CASES])
def played(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Played]:
    story, mode = request.param
    folder = tmp_path_factory.mktemp("history")
    living = Living.founded(folder, mode=mode, checkpoints=folder / "pins")
    copied = anyio.run(partial(STORIES[story], living))
    yield Played(living, copied)
    living.close()


def seen(bundle: Bundle, *kept: dict[str, Any], root: str | None = None) -> dict[str, Any]:
    """What the stand-alone verifier says."""
    found = standalone.Verification(kept, root)
    try:
        standalone.check_bundle(bundle, found)
    except (standalone.Unreadable, KeyError, TypeError, ValueError, AttributeError) as error:
        found.fail("the file", str(error))
    return found.report()


def why(bundle: Bundle, *kept: dict[str, Any], root: str | None = None) -> str:
    """Everything that it finds wrong; nothing where it holds."""
    failures = seen(bundle, *kept, root=root)["failures"]
    return "; ".join(f"{each['place']}: {each['why']}" for each in failures)


def test_the_evidence_of_every_purchase_holds(played: Played) -> None:
    living = played.living
    assert played.approved
    for bundle in (*played.approved, *played.copied):
        assert why(bundle, root=living.root) == ""
    assert living.house.read(prove)["failures"] == []


def test_the_evidence_of_every_purchase_falls_with_anything_of_its_own(played: Played) -> None:
    bundles = [*played.approved, *played.copied]
    for bundle in bundles:
        tried = dict(spoilt(bundle, bundles))
        assert len(tried) >= 10
        assert [name for name, bad in tried.items() if why(bad) == ""] == []


def spoilt(bundle: Bundle, all_: list[Bundle]) -> Iterator[tuple[str, Bundle]]:
    """The evidence with something of its own taken out, changed or exchanged, by name."""
    yield from spoilt_rows(bundle)
    yield from spoilt_consent(bundle, all_)
    yield from renamed(bundle)
    # Without a checkpoint nobody sees that the last event was cut off, and the report says so.
    seen_whole = bundle["events"] if bundle["checkpoint"] else bundle["events"][:-1]
    for at, event in enumerate(seen_whole):
        if is_about(event, bundle):
            yield f"event {event['seq']} less", with_(bundle, "events", at)
    yield "no events", bundle | {"events": []}
    yield "later", bundle | {"before": one_later(bundle), "events": bundle["events"][1:]}


def spoilt_rows(bundle: Bundle) -> Iterator[tuple[str, Bundle]]:
    """With an attempt or a ledger entry less, more, or in other words."""
    for name in ("attempts", "ledger"):
        for at, each in enumerate(bundle[name]):
            yield f"{name} {at} less", with_(bundle, name, at)
            yield f"{name} {at} twice", with_(bundle, name, at, each, each)
            for field in each:
                yield f"{name} {at} {field}", with_(bundle, name, at, other_field(each, field))


def spoilt_consent(bundle: Bundle, all_: list[Bundle]) -> Iterator[tuple[str, Bundle]]:
    """With a statement or a signature less, changed, or another intent's in its place."""
    strangers = [each for b in all_ if b["intent_id"] != bundle["intent_id"] for _, each in own(b)]
    for at, each in own(bundle):
        signatures = each["signatures"]
        bent = [s | {"bytes": bent_signature(s["bytes"])} for s in signatures]
        yield f"statement {at} less", with_(bundle, "statements", at)
        for what, instead in (
            ("changed", other_field(each, "bytes")),
            ("not signed", each | {"signatures": []}),
            ("signed otherwise", each | {"signatures": bent}),
            *((f"exchanged, {number}", other) for number, other in enumerate(strangers)),
            *(
                (f"with a signature of {number}", each | {"signatures": other["signatures"]})
                for number, other in enumerate(strangers)
            ),
        ):
            yield f"statement {at} {what}", with_(bundle, "statements", at, instead)


def renamed(bundle: Bundle) -> Iterator[tuple[str, Bundle]]:
    """As if it were about another intent of which it tells."""
    for event in map(made, bundle["events"]):
        if event["type"] == "intent.proposed" and event["subject"] != bundle["intent_id"]:
            named = {"intent_id": event["subject"]}
            theirs = named | {name: event["body"][name] for name in ("terms", "digest")}
            yield f"named {event['subject']}", bundle | named
            yield f"said to be {event['subject']}", bundle | theirs
            yield f"all of {event['subject']}", bundle | theirs | {"attempts": [], "ledger": []}


def with_(bundle: Bundle, name: str, at: int, *instead: Any) -> Bundle:
    """The evidence with something else in a place, or nothing."""
    return bundle | {name: [*bundle[name][:at], *instead, *bundle[name][at + 1 :]]}


def other_field(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The document with another value of a field."""
    value = document[name]
    if isinstance(value, str):
        return document | {name: value[:-1] + ("7" if not value.endswith("7") else "6")}
    return document | {name: "x" if not isinstance(value, int) else value + 1}


def bent_signature(text: str) -> str:
    """Another signature of the same key."""
    signature = json.loads(text)
    if signature["ed25519"]:
        return json.dumps(signature | {"ed25519": "0" * 128})
    return json.dumps(signature | {"sign_count": signature["sign_count"] + 1})


def own(bundle: Bundle) -> list[tuple[int, dict[str, Any]]]:
    """What approvers signed for it, with its places."""
    return [
        (at, each) for at, each in enumerate(bundle["statements"]) if each["purpose"] == "approve"
    ]


def made(event: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(event["bytes"])
    return document


def is_about(event: dict[str, Any], bundle: Bundle) -> bool:
    subject = made(event)["subject"]
    ids = {each["attempt_id"] for each in bundle["attempts"]} | {bundle["intent_id"]}
    return subject in ids | set(lines(bundle))


def lines(bundle: Bundle) -> list[str]:
    return [line["line_id"] for line in json.loads(bundle["terms"])["lines"]]


def one_later(bundle: Bundle) -> dict[str, Any]:
    first = bundle["events"][0]
    return {"seq": first["seq"], "hash": first["hash"]}


# Whoever has the keys of the server can make other events, and one chain of them, but not what was signed.


@pytest.fixture
async def crosswise(living: Living) -> Bundle:
    """The evidence of a purchase that was sent after another one."""
    a, b = await ask(living, 1, 1)
    for each in (b, a):
        approve(living.house, each, living.ada)
    await living.house.work()
    await is_bought(living, a, b)
    return living.evidence_of(a)


def forged(bundle: Bundle, events: list[dict[str, Any]], **changes: Any) -> Bundle:
    """The evidence with other events, as one sound chain, and no checkpoint that contradicts it."""
    seq, previous = bundle["before"]["seq"], bundle["before"]["hash"]
    chained = []
    for event in events:
        seq += 1
        encoded = rfc8785.dumps(event | {"seq": seq, "prev": previous})
        previous = chain_hash(previous, encoded)
        chained.append({"seq": seq, "hash": previous, "bytes": encoded.decode()})
    return bundle | {"events": chained, "checkpoint": None} | changes


def events_of(bundle: Bundle) -> list[dict[str, Any]]:
    return [made(each) for each in bundle["events"]]


def place(events: list[dict[str, Any]], type_: str, subject: str) -> int:
    return next(
        at for at, each in enumerate(events) if (each["type"], each["subject"]) == (type_, subject)
    )


async def test_the_same_events_chained_anew_are_the_same(crosswise: Bundle) -> None:
    assert why(forged(crosswise, events_of(crosswise))) == ""


async def test_what_nobody_consented_to_has_no_evidence(crosswise: Bundle) -> None:
    without = [e for e in events_of(crosswise) if not is_consent(e, crosswise)]
    assert "no event tells of the signature" in why(forged(crosswise, without))
    found = why(forged(crosswise, without, statements=not_own(crosswise)))
    assert "level None" in found
    assert "nobody signed for it" in found
    with_hers = [e for e in events_of(crosswise) if e["type"] != "statement.signed"]
    assert "level None" in why(forged(crosswise, with_hers, statements=not_own(crosswise)))


def is_consent(event: dict[str, Any], bundle: Bundle) -> bool:
    is_own = event["subject"] == bundle["intent_id"] and event["type"] != "intent.proposed"
    return bool(is_own or event["type"] == "statement.signed")


def not_own(bundle: Bundle) -> list[dict[str, Any]]:
    return [each for each in bundle["statements"] if each["purpose"] != "approve"]


async def test_what_was_sent_before_it_was_signed_has_no_evidence(crosswise: Bundle) -> None:
    events = events_of(crosswise)
    [line_id] = lines(crosswise)
    sent = events.pop(place(events, "line.dispatching", line_id))
    events.insert(place(events, "intent.signed", crosswise["intent_id"]) - 1, sent)
    assert "level None" in why(forged(crosswise, events))


async def test_what_was_sent_before_it_was_proposed_has_no_evidence(crosswise: Bundle) -> None:
    events = events_of(crosswise)
    [line_id] = lines(crosswise)
    events.insert(0, events.pop(place(events, "line.dispatching", line_id)))
    assert "never proposed" in why(forged(crosswise, events))


async def test_what_was_sent_too_late_has_no_evidence(crosswise: Bundle) -> None:
    events = events_of(crosswise)
    [line_id] = lines(crosswise)
    at = place(events, "line.dispatching", line_id)
    events[at] |= {"at": "2027-01-01T00:00:00.000000Z"}
    assert "level None" in why(forged(crosswise, events))


async def test_what_was_sent_twice_is_twice_in_the_evidence(crosswise: Bundle) -> None:
    events = events_of(crosswise)
    [line_id] = lines(crosswise)
    at = place(events, "line.dispatching", line_id)
    assert "made before" in why(forged(crosswise, [*events, events[at]]))
    again = events[at] | {"body": events[at]["body"] | {"attempt": "att_2"}}
    assert "attempt att_2: it is missing" in why(forged(crosswise, [*events, again]))


@pytest.mark.parametrize("where", ["before", "after"])
async def test_no_other_intent_takes_its_line(crosswise: Bundle, where: str) -> None:
    """Else what is sent of it would be the other's, of which this evidence says nothing."""
    events = events_of(crosswise)
    at = place(events, "intent.proposed", crosswise["intent_id"])
    terms = json.loads(crosswise["terms"]) | {"intent_id": "int_thief"}
    text = rfc8785.dumps(terms).decode()
    digest = standalone.sha256(b"ringfence/intent/v1" + text.encode())
    body = events[at]["body"] | {"terms": text, "digest": digest}
    thief = events[at] | {"subject": "int_thief", "body": body}
    events.insert(at if where == "before" else len(events), thief)
    says = {"before": "another intent's", "after": "proposed before"}[where]
    assert says in why(forged(crosswise, events))


async def test_what_was_proposed_twice_has_no_evidence(crosswise: Bundle) -> None:
    events = events_of(crosswise)
    again = events[place(events, "intent.proposed", crosswise["intent_id"])]
    assert "proposed before" in why(forged(crosswise, [*events, again]))


async def test_of_what_others_were_sent_for_it_says_nothing(crosswise: Bundle) -> None:
    """It holds whether they were consented to or not: their own evidence tells."""
    [line_id] = lines(crosswise)
    theirs = [
        each
        for each in events_of(crosswise)
        if each["type"] == "line.dispatching" and each["subject"] != line_id
    ]
    assert len(theirs) == 1
    report = seen(crosswise)
    assert (report["holds"], report["sent"]) == (True, 1)
    assert "what was sent for other intents meanwhile: see their evidence" in report["not_judged"]
    stranger = theirs[0] | {"subject": "lin_stranger"}
    assert why(forged(crosswise, [*events_of(crosswise), stranger])) == ""


async def test_of_a_whole_history_everything_is_judged(living: Living, crosswise: Bundle) -> None:
    documents = living.house.read(lambda tx: list(evidence.history(tx, with_texts=True)))
    assert crosswise["intent_id"]
    for at, each in enumerate(documents):
        if each["kind"] == "statement" and each["purpose"] == "approve":
            found = standalone.Verification()
            for document in (*documents[:at], *documents[at + 1 :]):
                found.take(document)
            found.close()
            assert "level None" in str(found.failures)


# Who may sign changes.


async def test_a_revocation_counts_from_its_last_signature_on(living: Living) -> None:
    bob = enroll(living.house, Signer("bob"), living.ada)
    intent = approve(living.house, await living.propose(), bob)
    revoke(living.house, bob, living.ada)
    await living.house.work()
    assert living.house.charged() == []
    bundle = living.evidence_of(intent)
    assert why(bundle) == ""
    events = events_of(bundle)
    [revoked] = [at for at, each in enumerate(events) if each["type"] == "approver.revoked"]
    [signed] = [
        at
        for at, each in enumerate(events)
        if (each["type"], each["body"].get("purpose")) == ("statement.signed", "revoke")
    ]
    assert signed < revoked
    [line_id] = lines(bundle)
    sent = events[0] | {
        "type": "line.dispatching",
        "subject": line_id,
        "body": {"attempt": "att_1", "request": "r"},
    }
    attempt: dict[str, Any] = {"attempt_id": "att_1", "line_id": line_id, "request_hash": "r"}
    attempt |= {"outcome": None, "answer": None}
    for at, level in ((signed, ""), (signed + 1, "level None"), (len(events), "level None")):
        tried = forged(bundle, [*events[:at], sent, *events[at:]], attempts=[attempt])
        assert level in why(tried)
        assert bool(why(tried)) is bool(level)
    # A revocation whose signature no event here tells of was signed before all of them.
    hidden = [each for at, each in enumerate(events) if at not in {signed, revoked}]
    assert "level None" in why(forged(bundle, [*hidden, sent], attempts=[attempt]))


async def test_what_is_changed_later_is_no_part_of_the_evidence(living: Living) -> None:
    """So that it is the same whenever it is handed out."""
    intent = await living.buy()
    then = living.evidence_of(intent)
    await histories.others_may_sign(living)
    await histories.other_rules_meanwhile(living)
    assert living.evidence_of(intent) == then


# What was kept of another history.


async def test_what_was_copied_before_a_restore_proves_what_happened_then(living: Living) -> None:
    backup = living.backup()
    then = living.evidence_of(await living.buy())
    living.restore(backup)
    living.unfreeze()
    now = living.evidence_of(await living.buy())
    [aside] = living.file().parent.glob("*.until-*")
    old, new = (list(standalone.read_witnesses(str(path))) for path in (aside, living.file()))
    signed = [each for _, each in own(then)]
    assert why(then, *old, root=living.root) == why(now, *new, root=living.root) == ""
    # They are two histories, and each says so of the other.
    assert "another event" in why(then, *new)
    assert "another event" in why(now, *old)
    found = living.house.read(lambda tx: prove(tx, signed))["failures"]
    assert [each["place"] for each in found] == ["given statement 1"]


async def test_what_was_kept_of_other_parts_of_the_history_is_not_judged(living: Living) -> None:
    before = living.evidence_of(await living.buy())
    bob = enroll(living.house, Signer("bob"), living.ada)
    waits = await living.propose()
    after = living.evidence_of(approve(living.house, waits, bob))
    for one, other in ((before, after), (after, before)):
        [(_, statement)] = own(other)
        report = seen(one, statement)
        assert report["failures"] == []
        assert "given statement 1: it is about events that are not here" in report["not_judged"]


# A sandbox, which takes consent without anybody's key.


@pytest.fixture
async def keyless(tmp_path: Path) -> Bundle:
    house = House(
        tmp_path / "sandbox",
        clock=ManualClock(),
        ids=CountingIds(),
        anchor=FolderAnchor(tmp_path / "none"),
    )
    a, b = [await house.propose(offer) for offer in await house.find(2)]
    for each in (b, a):
        await house.approve(each)
    await house.work()
    found: Bundle = house.read(lambda tx: evidence.of_purchase(tx, a.intent_id, with_texts=False))
    house.close()
    return found


async def test_the_evidence_of_a_sandbox_holds_and_says_that_it_proves_nobody_s_consent(
    keyless: Bundle,
) -> None:
    report = seen(keyless)
    assert report["failures"] == []
    assert "who consented: a sandbox takes consent without anybody's key" in report["not_judged"]
    assert "the root is not the one" in why(keyless, root="0" * 64)


async def test_the_evidence_of_a_sandbox_falls_with_anything_of_its_own(keyless: Bundle) -> None:
    assert [name for name, bad in spoilt(keyless, [keyless]) if why(bad) == ""] == []


async def test_in_a_sandbox_too_nothing_is_sent_that_nobody_approved(keyless: Bundle) -> None:
    without = [each for each in events_of(keyless) if each["type"] != "intent.approved"]
    found = why(forged(keyless, without))
    assert "it was sent with consent at level None, and needed client" in found
    assert "nobody signed for it" in found


PRETENCES: dict[str, Callable[[Bundle], Bundle]] = {
    "a sandbox": lambda bundle: bundle,
    "a sandbox without a root": lambda bundle: bundle | {"root": None, "statements": []},
    "a sandbox where nobody signed": lambda bundle: forged(
        bundle,
        [e for e in events_of(bundle) if e["type"] not in {"intent.signed", "statement.signed"}],
        root=None,
        statements=[],
    ),
    "a sandbox with weak consent": lambda bundle: forged(
        bundle,
        [
            e | {"body": e["body"] | ({"level": "page"} if e["type"] == "intent.approved" else {})}
            for e in events_of(bundle)
            if e["type"] not in {"intent.signed", "statement.signed"}
        ],
        root=None,
        statements=[],
    ),
}


@pytest.mark.parametrize("pretend", PRETENCES.values(), ids=PRETENCES.keys())
async def test_what_is_live_is_no_sandbox_s(
    crosswise: Bundle, pretend: Callable[[Bundle], Bundle]
) -> None:
    assert why(pretend(crosswise | {"mode": "sandbox"})) != ""


# As a program of its own.


async def test_the_program_alone_verifies_crossed_purchases(
    living: Living, crosswise: Bundle, tmp_path: Path
) -> None:
    file = tmp_path / "purchase.json"
    for bundle, code in ((crosswise, 0), (crosswise | {"statements": not_own(crosswise)}, 1)):
        file.write_text(json.dumps(bundle))
        ended = alone(file, "--root", living.root)
        assert (ended.returncode, ended.stderr) == (code, ""), ended.stdout
        assert ("nobody signed for it" in ended.stdout) is (code == 1)
