#!/usr/bin/env python3
"""Verify what ringfence exported: the audit chain, or the evidence of one purchase. Needs Python 3.11 and nothing else.

    python3 verify.py EXPORT [--checkpoint FILE]... [--root FINGERPRINT] [--json]

It shares no code with ringfence and asks no network. It re-computes every hash, follows who may sign from the root
on, and verifies every signature (Ed25519, and passkeys with ES256, RS256 or EdDSA) with plain arithmetic.

Of a whole history the consent to everything that was sent is judged. The evidence of one purchase proves the consent to
that purchase: what others were sent for meanwhile is in it, since a chain has no holes, and is proved elsewhere.

Two things make it worth more: --checkpoint, a file of checkpoints (or the evidence of a purchase, which holds what
approvers signed) that you have copied away earlier, and --root, the
fingerprint of the root that you noted when the installation was made. Without them whoever holds the server could
have made another history, and this program cannot know.

Ends with 0 when everything holds, 1 when something does not, 2 when the file cannot be read.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, ClassVar, NoReturn

Document = dict[str, Any]
Point = tuple[int, int, int, int]
Place = tuple[int, int] | None

EXPORT = "ringfence/audit/1"
EVIDENCE = "ringfence/evidence/1"
NOTHING = "0" * 64
WORDS_PLACE = 40
"""As much of their hash as words are kept under that belong to nothing else."""
LEVELS = ("client", "page", "passphrase", "passkey", "two_people")
KEYLESS = ("client", "page")
"""Levels at which a sandbox takes consent without anybody's key; a live installation knows none of them."""
AUTHORITY = ("root", "enroll", "revoke")
MAX_WITNESS_BYTES = 64_000_000
MAX_FINDINGS = 200
"""More say nothing new."""
MAY_BE_UNSIGNED = ("enroll", "revoke", "policy", "resolve", "adjust", "decline")
"""What waits for signatures does nothing without them, and a no needs none."""


class Unreadable(Exception):
    """The file is no export."""


class Bad(Exception):
    """Something does not hold."""


# Ed25519 (RFC 8032).

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def _ed_x(y: int, sign: int) -> int:
    if y >= P:
        raise Bad("a point is not on the curve")
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        raise Bad("a point is not on the curve")
    return x if x & 1 == sign else P - x


def _ed_point(raw: bytes) -> Point:
    number = int.from_bytes(raw, "little")
    y = number & ((1 << 255) - 1)
    x = _ed_x(y, number >> 255)
    return (x, y, 1, x * y % P)


def _ed_add(p: Point, q: Point) -> Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _ed_times(factor: int, point: Point) -> Point:
    made = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            made = _ed_add(made, point)
        point = _ed_add(point, point)
        factor >>= 1
    return made


_BASE_Y = 4 * pow(5, -1, P) % P
_BASE_X = _ed_x(_BASE_Y, 0)
_BASE = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % P)


def ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature is that of a public key over a message."""
    if len(public) != 32 or len(signature) != 64:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= ORDER:
        return False
    try:
        a = _ed_point(public)
    except Bad:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    minus_a = (P - a[0], a[1], a[2], P - a[3])
    x, y, z, _ = _ed_add(_ed_times(s, _BASE), _ed_times(k, minus_a))
    inverse = pow(z, -1, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


# ECDSA over P-256 (FIPS 186-5), as ES256.

Q = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def _ec_add(p: Place, q: Place) -> Place:
    if p is None or q is None:
        return p or q
    if p[0] == q[0]:
        if (p[1] + q[1]) % Q == 0:
            return None
        slope = (3 * p[0] * p[0] - 3) * pow(2 * p[1], -1, Q) % Q
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, Q) % Q
    x = (slope * slope - p[0] - q[0]) % Q
    return (x, (slope * (p[0] - x) - p[1]) % Q)


def _ec_times(factor: int, point: Place) -> Place:
    made: Place = None
    while factor:
        if factor & 1:
            made = _ec_add(made, point)
        point = _ec_add(point, point)
        factor >>= 1
    return made


def es256(x: int, y: int, message: bytes, signature: bytes) -> bool:
    """Whether an ECDSA signature (DER) is that of a public point over a message."""
    numbers = _der_pair(signature)
    if numbers is None or not (0 <= x < Q and 0 <= y < Q):
        return False
    r, s = numbers
    is_on_curve = (y * y - (x * x * x - 3 * x + B)) % Q == 0
    if not is_on_curve or not (0 < r < N and 0 < s < N):
        return False
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    inverse = pow(s, -1, N)
    point = _ec_add(_ec_times(digest * inverse % N, G), _ec_times(r * inverse % N, (x, y)))
    return point is not None and point[0] % N == r


def _der_pair(raw: bytes) -> tuple[int, int] | None:
    """The two numbers of a DER signature; None where it is none, or is written in another way than DER's one."""
    if len(raw) < 8 or raw[0] != 0x30 or raw[1] != len(raw) - 2:
        return None
    numbers: list[int] = []
    at = 2
    for _ in range(2):
        if at + 2 > len(raw) or raw[at] != 2:
            return None
        size = raw[at + 1]
        part = raw[at + 2 : at + 2 + size]
        if size == 0 or len(part) != size or part[0] & 0x80:
            return None
        if size > 1 and part[0] == 0 and not part[1] & 0x80:
            return None
        numbers.append(int.from_bytes(part, "big"))
        at += 2 + size
    return (numbers[0], numbers[1]) if at == len(raw) else None


# RSA with PKCS #1 v1.5 and SHA-256 (RFC 8017), as RS256.

_SHA256_NAME = bytes.fromhex("3031300d060960864801650304020105000420")
MIN_RSA_BYTES = 256


def rs256(modulus: int, exponent: int, message: bytes, signature: bytes) -> bool:
    """Whether an RSA signature is that of a public key over a message."""
    size = (modulus.bit_length() + 7) // 8
    value = int.from_bytes(signature, "big")
    if len(signature) != size or size < MIN_RSA_BYTES or value >= modulus or exponent < 3:
        return False
    info = _SHA256_NAME + hashlib.sha256(message).digest()
    padded = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
    return pow(value, exponent, modulus).to_bytes(size, "big") == padded


# Passkeys (WebAuthn Level 3, 7.2; COSE keys, RFC 9053).


def cbor(raw: bytes) -> Any:
    """Decode one item: whole numbers, bytes, text, lists and maps, which is what a COSE key is made of."""
    value, at = _cbor(raw, 0)
    if at != len(raw):
        raise Bad("a key has something behind its end")
    return value


def _cbor(raw: bytes, at: int) -> tuple[Any, int]:
    if at >= len(raw):
        raise Bad("a key ends too early")
    major, low = raw[at] >> 5, raw[at] & 31
    at += 1
    if low > 27 or major > 5:
        raise Bad("a key is not made as COSE keys are")
    count = low
    if low >= 24:
        size = 1 << low - 24
        count = int.from_bytes(raw[at : at + size], "big")
        at += size
    if major == 0:
        return count, at
    if major == 1:
        return -1 - count, at
    if major in (2, 3):
        part = raw[at : at + count]
        if len(part) != count:
            raise Bad("a key ends too early")
        return (part if major == 2 else part.decode("utf-8", "strict")), at + count
    items = []
    for _ in range(count if major == 4 else 2 * count):
        item, at = _cbor(raw, at)
        items.append(item)
    return (items if major == 4 else dict(zip(items[::2], items[1::2], strict=True))), at


def cose_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature is that of a COSE key (its bytes) over a message."""
    made = cbor(key)
    kind, algorithm = made.get(1), made.get(3)
    if (kind, algorithm, made.get(-1)) == (2, -7, 1):
        x, y = (int.from_bytes(made[part], "big") for part in (-2, -3))
        return es256(x, y, message, signature)
    if (kind, algorithm) == (3, -257):
        modulus, exponent = (int.from_bytes(made[part], "big") for part in (-1, -2))
        return rs256(modulus, exponent, message, signature)
    if (kind, algorithm, made.get(-1)) == (1, -8, 6):
        return ed25519(made[-2], message, signature)
    raise Bad("a passkey's algorithm is none that this program knows")


def _base64url(text: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, TypeError) as error:
        raise Bad("a passkey's answer is not base64url") from error
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise Bad("a passkey's answer is not base64url")
    return raw


def passkey(key: Document, challenge: bytes, signature: Document) -> None:
    """Check a passkey's answer to a challenge: who signed, where, with the person verified."""
    credential = parsed(signature.get("assertion") or "")
    if credential.get("type") != "public-key" or not (
        credential.get("id") == credential.get("rawId") == key.get("credential_id")
    ):
        raise Bad("the answer is another credential's")
    response = credential["response"]
    data, client_data = (_base64url(response[n]) for n in ("authenticatorData", "clientDataJSON"))
    client = parsed(client_data.decode("utf-8", "strict"))
    if client.get("type") != "webauthn.get":
        raise Bad("it is no assertion")
    if _base64url(client.get("challenge", "")) != challenge:
        raise Bad("it answers another challenge")
    if client.get("origin") != key.get("origin"):
        raise Bad("it was made at another origin")
    rp_id = (key.get("origin") or "").partition("://")[2].partition(":")[0]
    if len(data) < 37 or data[:32] != hashlib.sha256(rp_id.encode()).digest():
        raise Bad("it was made for another site")
    if not data[32] & 0x01:
        raise Bad("nobody was present")
    if not data[32] & 0x04:
        raise Bad("the person was not verified")
    if int.from_bytes(data[33:37], "big") != signature.get("sign_count"):
        raise Bad("its counter is not the one that was noted")
    message = data + hashlib.sha256(client_data).digest()
    if not cose_signed(
        bytes.fromhex(key["public_key"]), message, _base64url(response["signature"])
    ):
        raise Bad("the signature is not that passkey's")


# Documents.


def parsed(text: str) -> Document:
    """A JSON object without fractions or a name given twice."""

    def once(pairs: list[tuple[str, Any]]) -> Document:
        made = dict(pairs)
        if len(made) != len(pairs):
            raise Bad("a name is given twice")
        return made

    def no_fraction(text: str) -> NoReturn:
        raise Bad("it holds a fraction, " + text[:40])

    try:
        made = json.loads(text, object_pairs_hook=once, parse_float=no_fraction)
    except (ValueError, RecursionError) as error:
        raise Bad("it is no JSON") from error
    if not isinstance(made, dict):
        raise Bad("it is no JSON object")
    return made


def canonical(value: Any) -> bytes:
    """Canonical JSON (RFC 8785) of whole numbers, texts, lists and objects with names in ASCII."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "strict")


def sha256(text: str | bytes) -> str:
    """SHA-256 of a text or bytes, in hexadecimal."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


class Statement:
    """A stored statement with the signatures under it."""

    def __init__(self, place: str, document: Document) -> None:
        self.place = place
        self.bytes = document["bytes"]
        made = parsed(self.bytes)
        if canonical(made) != self.bytes.encode():
            raise Bad("it is not in canonical form")
        if made["purpose"] != document["purpose"]:
            raise Bad("it has another purpose than it was stored for")
        self.purpose, self.subject, self.body = made["purpose"], made["subject"], made["body"]
        self.installation, self.seq, self.head = (
            made["installation_id"],
            made["audit_seq"],
            made["audit_head"],
        )
        self.made_at, self.expires_at = _moment(made["made_at"]), _moment(made["expires_at"])
        self.hash = sha256(self.bytes)
        self.signatures: list[tuple[Document, str]] = []
        for each in document["signatures"]:
            signature = parsed(each["bytes"])
            if signature.get("key_id") != each["key_id"]:
                raise Bad("a signature names another key than it was stored for")
            self.signatures.append((signature, sha256(each["bytes"])))

    @property
    def challenge(self) -> bytes:
        return hashlib.sha256(self.purpose.encode() + b"\x00" + self.bytes.encode()).digest()


def key_id(key: Document) -> str:
    """A key's own name: the first 64 bits of its hash."""
    return hashlib.sha256(bytes.fromhex(key["public_key"])).hexdigest()[:16]


def check_signature(key: Document, statement: Statement, signature: Document) -> None:
    """Raise unless a key has signed a statement."""
    if signature.get("key_id") != key_id(key):
        raise Bad("the signature names another key")
    if key["kind"] == "passkey":
        passkey(key, statement.challenge, signature)
        return
    raw = bytes.fromhex(signature.get("ed25519") or "")
    if signature.get("sign_count") or not ed25519(
        bytes.fromhex(key["public_key"]), statement.challenge, raw
    ):
        raise Bad("the signature is not that key's")


def level_of(keys: Iterable[Document]) -> str | None:
    """What signatures of these keys prove together."""
    kinds = {key["kind"] for key in keys}
    if "passkey" in kinds and len({key["person"] for key in keys}) > 1:
        return "two_people"
    return "passkey" if "passkey" in kinds else ("passphrase" if kinds else None)


def is_at_least(level: str | None, needed: str) -> bool:
    """Whether a level proves as much as another."""
    return level is not None and LEVELS.index(level) >= LEVELS.index(needed)


# The verification.


class Own:
    """What a bundle is about, and what its events tell of that."""

    def __init__(self, intent_id: str, terms: Document, events: Iterable[Document]) -> None:
        self.intent_id = intent_id
        self.op = terms["op"]
        self.lines = {line["line_id"] for line in terms["lines"]}
        self.commits = _commits(events)
        self.signed: list[tuple[str, str]] = []
        """Statements of consent by their hashes, each with the key that signed it."""
        self.said: str | None = None
        """The level at which it was approved, as the chain tells it."""
        self.numbers: set[str] = set()
        self.adjusted: list[tuple[str, str]] = []
        """Numbers, each with a ledger entry that says what was charged in truth."""


def _commits(events: Iterable[Document]) -> dict[tuple[str, str], int]:
    """Where these events first tell of each signature; that they are in the chain is verified later."""
    found: dict[tuple[str, str], int] = {}
    for each in events:
        try:
            made = parsed(each["bytes"])
            if made["type"] == "statement.signed":
                body = made["body"]
                found.setdefault((body["statement"], body["signature"]), made["seq"])
        except (Bad, KeyError, TypeError):
            continue  # reported when it is taken
    return found


class Verification:
    """Takes the documents of an export one by one; `failures` says what does not hold, and where."""

    def __init__(self, checkpoints: Iterable[Document] = (), root: str | None = None) -> None:
        self.failures: list[dict[str, str]] = []
        self.unjudged: list[str] = []
        self.wanted_root = root
        self.header: Document = {}
        self.policies: dict[int, tuple[Document, str]] = {}
        self.statements: list[Statement] = []
        self.keys: dict[str, Document] = {}
        self.recovery: Document | None = None
        self.founded: Document | None = None
        self.now: dict[str, Document] = {}
        self.authority = [NOTHING]
        self.signed_policies: dict[int, str] = {}
        self.enrolled_at: dict[str, int] = {}
        self.revocations: dict[str, tuple[Statement, dict[str, Document]]] = {}
        """What revoked a key, and who could sign until then."""
        self.own: Own | None = None
        """What a bundle is about; None in a whole export, which is about everything."""
        given = list(checkpoints)
        self.kept = [each for each in given if "bytes" in each]
        """Statements that somebody kept elsewhere: what an approver signed says how far the chain had come."""
        given = [each for each in given if "bytes" not in each]
        self.checkpoints = [(f"given checkpoint {at}", each) for at, each in enumerate(given, 1)]
        self.given = len(self.checkpoints)
        self.heads: dict[int, str | None] = {}
        self.chain_keys: set[str] = set()
        self.committed: dict[tuple[str, str], int] = {}
        """Where an event first tells of a signature, by the hashes of statement and signature."""
        self.intents: dict[str, tuple[str, str]] = {}
        self.of_line: dict[str, str] = {}
        self.words: dict[str, str] = {}
        self.word_hashes: dict[str, str | None] = {}
        self.attempts: dict[str, tuple[str, str]] = {}
        self.ends: dict[str, tuple[str | None, str | None]] = {}
        self.entries: dict[str, tuple[str, str]] = {}
        """Lines and hashes of ledger entries, by their names."""
        self._faults: dict[tuple[bytes, str, bytes], str | None] = {}
        self.sent = 0
        self.seq, self.hash, self.events = 0, NOTHING, 0
        self.first = 1
        self.furthest: tuple[int, str] | None = None
        self.has_ended = False

    def fail(self, place: str, why: str) -> None:
        """Note what does not hold."""
        if len(self.failures) < MAX_FINDINGS:
            self.failures.append({"place": place, "why": why})

    def take(self, document: Document) -> None:
        """Take the next document; none is trusted."""
        kind = document.get("kind")
        step = getattr(self, "_take_" + str(kind), None)
        if step is None:
            self.fail("the file", f"it holds something unknown: {str(kind)[:40]}")
            return
        if not self.header and kind != "header":
            raise Unreadable("The file does not begin with a header.")
        try:
            step(document)
        except Bad as error:
            self.fail(self._place(document), str(error))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            self.fail(self._place(document), f"it cannot be read ({type(error).__name__})")

    def _place(self, document: Document) -> str:
        number = document.get("seq", document.get("version", ""))
        if document.get("kind") == "statement":
            number = len(self.statements) + 1
        return f"{document.get('kind')} {number}".strip()

    def _take_header(self, document: Document) -> None:
        if self.header:
            raise Bad("there are two headers")
        self.header = document
        if "before" in document:
            self.seq, self.hash = document["before"]["seq"], document["before"]["hash"]
            self.first = self.seq + 1

    def _take_policy(self, document: Document) -> None:
        version = document["version"]
        if type(version) is not int or version != len(self.policies) + 1:
            raise Bad("a version is missing")
        if sha256(b"ringfence/policy/v1" + document["document"].encode()) != document["hash"]:
            raise Bad("its hash is not that of what it says")
        self.policies[version] = (parsed(document["document"]), document["hash"])

    def _take_statement(self, document: Document) -> None:
        self.statements.append(Statement(f"statement {len(self.statements) + 1}", document))
        self.heads[self.statements[-1].seq] = None
        self._expect_words(self.statements[-1].body.get("words"))

    def _take_checkpoint(self, document: Document) -> None:
        place = f"checkpoint {len(self.checkpoints) - self.given + 1}"
        self.checkpoints.append((place, document["checkpoint"]))

    def _take_words(self, document: Document) -> None:
        self.words[document["subject_id"]] = sha256(document["salt"] + "\x00" + document["text"])

    def _take_end(self, document: Document) -> None:
        self.has_ended = document == {"kind": "end", "events": self.events}

    # The chain.

    def _take_event(self, document: Document) -> None:
        if not self.events:
            self._before_events()
        seq, text = document["seq"], document["bytes"]
        made = parsed(text)
        digest = hashlib.sha256(b"\x00" + bytes.fromhex(self.hash) + text.encode()).hexdigest()
        previous, expected = self.hash, self.seq + 1
        self.seq, self.hash, self.events = expected, document["hash"], self.events + 1
        if seq != expected:
            self.seq = seq
            raise Bad(f"event {expected} is missing")
        if digest != document["hash"]:
            raise Bad("its hash is not that of its bytes after the event before it")
        if (made["seq"], made["prev"]) != (seq, previous):
            raise Bad("it names another place in the chain")
        if seq in self.heads:
            self.heads[seq] = self.hash
        self._expect_words(made["body"].get("words_hash"))
        handler = self._HANDLERS.get(made["type"])
        if handler is not None:
            handler(self, made)

    def _expect_words(self, digest: Any) -> None:
        """What people said for a ruling is kept under the beginning of its own hash."""
        if isinstance(digest, str):
            self.word_hashes[digest[:WORDS_PLACE]] = digest

    def _before_events(self) -> None:
        sizes = {each.get("size") for _, each in self.checkpoints}
        sizes |= {seq for seq, _ in self._kept_heads()}
        self.heads.update(dict.fromkeys(size for size in sizes if type(size) is int))
        if self.first == 1:
            self.heads[0] = NOTHING
        else:
            self.heads[self.first - 1] = self.hash
        self._follow_authority()

    def _on_founded(self, event: Document) -> None:
        if event["body"]["mode"] != self.header.get("mode"):
            raise Bad("the installation was founded in another mode than the header says")
        if event["subject"] != self.header.get("installation_id"):
            raise Bad("another installation was founded")

    def _on_key(self, event: Document) -> None:
        self.chain_keys.add(event["body"]["key"])

    def _on_signed(self, event: Document) -> None:
        what = (event["body"]["statement"], event["body"]["signature"])
        self.committed.setdefault(what, event["seq"])

    def _on_policy(self, event: Document) -> None:
        version = int(event["subject"].rpartition(" ")[2])
        known = self.policies.get(version)
        if known is None or known[1] != event["body"]["hash"]:
            raise Bad(f"policy {version} is not the one that was put in force")

    def _on_proposed(self, event: Document) -> None:
        text, digest = event["body"]["terms"], event["body"]["digest"]
        if sha256(b"ringfence/intent/v1" + text.encode()) != digest:
            raise Bad("the digest is not that of the terms")
        terms = parsed(text)
        if terms["intent_id"] != event["subject"]:
            raise Bad("the terms are another intent's")
        if terms["installation_id"] != self.header.get("installation_id"):
            raise Bad("the terms are another installation's")
        if event["type"] == "intent.proposed":
            self._note_intent(event["subject"], digest, terms)
        self.word_hashes[event["subject"]] = event["body"].get("reason_hash")

    def _note_intent(self, intent_id: str, digest: str, terms: Document) -> None:
        lines = [line["line_id"] for line in terms["lines"]]
        if intent_id in self.intents or not self.of_line.keys().isdisjoint(lines):
            raise Bad("it, or a line of it, was proposed before")
        own = self.own
        if own is not None and intent_id != own.intent_id and not own.lines.isdisjoint(lines):
            raise Bad("it proposes a line that is another intent's")
        self.intents[intent_id] = (digest, terms["level"])
        self.of_line.update(dict.fromkeys(lines, intent_id))

    def _on_dispatching(self, event: Document) -> None:
        body, line_id = event["body"], event["subject"]
        if self.own is not None:
            if line_id not in self.own.lines:
                self.unjudged.append(
                    "what was sent for other intents meanwhile: see their evidence"
                )
                return
            if body["attempt"] in self.attempts:
                raise Bad("it is an attempt that was made before")
            self.attempts[body["attempt"]] = (line_id, body["request"])
        self.sent += 1
        intent_id = self.of_line.get(line_id)
        if intent_id is None:
            raise Bad("it sends a line that was never proposed")
        if self.header.get("mode") == "sandbox" and self.own is None:
            return
        given = level_of(self.consenting(intent_id, event["seq"], _moment(event["at"])))
        needed = self._needed(intent_id)
        if not is_at_least(given, needed) and not self.is_keyless:
            raise Bad(f"it was sent with consent at level {given}, and needed {needed}")

    def _needed(self, intent_id: str) -> str:
        """What consent to an intent must prove; a secret that a person knows, but in a sandbox."""
        level: str = self.intents[intent_id][1]
        is_sandbox = self.header.get("mode") == "sandbox"
        return level if is_sandbox else max("passphrase", level, key=LEVELS.index)

    @property
    def is_keyless(self) -> bool:
        """Whether consent to what this bundle is about, so far, is a sandbox's without a key, as its terms allow."""
        if self.own is None or self.header.get("mode") != "sandbox" or self.own.signed:
            return False
        _, level = self.intents.get(self.own.intent_id, ("", ""))
        return level in KEYLESS and is_at_least(self.own.said, level)

    def _on_intent_signed(self, event: Document) -> None:
        if self.own is not None and event["subject"] == self.own.intent_id:
            self.own.signed.append((sha256(event["body"]["statement"]), event["body"]["key"]))

    def _on_approved(self, event: Document) -> None:
        if self.own is not None and event["subject"] == self.own.intent_id:
            if event["body"]["digest"] != self.intents[self.own.intent_id][0]:
                raise Bad("what was approved is not what was proposed")
            self.own.said = event["body"]["level"]

    def _on_number(self, event: Document) -> None:
        own = self.own
        if own is not None and own.op == "buy" and event["body"].get("line") in own.lines:
            own.numbers.add(event["subject"])

    def _on_adjusted(self, event: Document) -> None:
        if self.own is not None:
            self.own.adjusted.append((event["subject"], event["body"]["entry"]))

    def _on_ended(self, event: Document) -> None:
        if self.own is not None:
            self.ends[event["subject"]] = (event["body"]["outcome"], event["body"]["answer"])

    def _on_ledger(self, event: Document) -> None:
        if self.own is not None:
            for name, digest in event["body"]["entries"].items():
                if self.entries.setdefault(name, (event["subject"], digest))[1] != digest:
                    raise Bad(f"it writes ledger entry {name} anew")

    def _on_erased(self, event: Document) -> None:
        if event["body"]["hash"] != self.word_hashes.get(event["subject"], event["body"]["hash"]):
            raise Bad("other words were erased than were said")
        if event["subject"] in self.words:
            raise Bad("words that were erased are here")

    _HANDLERS: ClassVar[dict[str, Callable[[Verification, Document], None]]] = {
        "installation.founded": _on_founded,
        "checkpoint.key": _on_key,
        "statement.signed": _on_signed,
        "policy.applied": _on_policy,
        "intent.proposed": _on_proposed,
        "intent.refused": _on_proposed,
        "intent.signed": _on_intent_signed,
        "intent.approved": _on_approved,
        "line.dispatching": _on_dispatching,
        "attempt.ended": _on_ended,
        "ledger.written": _on_ledger,
        "ledger.adjusted": _on_adjusted,
        "number.active": _on_number,
        "number.explained": _on_number,
        "words.erased": _on_erased,
    }

    # Who may sign.

    def _follow_authority(self) -> None:
        for statement in self.statements:
            try:
                if statement.installation != self.header.get("installation_id"):
                    raise Bad("it belongs to another installation")
                if statement.purpose == "policy":
                    self._signed_policy(statement)
                elif statement.purpose in AUTHORITY:
                    self._change_authority(statement)
            except Bad as error:
                self.fail(statement.place, str(error))
            except (KeyError, TypeError, ValueError) as error:
                self.fail(statement.place, f"it cannot be read ({type(error).__name__})")
        self._check_root()
        self._check_policies()
        for statement in self.statements:
            self._check_signatures(statement)

    def _change_authority(self, statement: Statement) -> None:
        before, key = statement.body["before"], statement.body["key"]
        if before not in self.authority:
            raise Bad("it does not follow the one before it")
        if before != self.authority[-1]:
            return  # overtaken before it was signed enough
        if key_id(key) != statement.subject:
            raise Bad("it names another key than its subject")
        if statement.purpose == "root":
            self._root(statement, key)
        elif not self._is_signed_enough(statement, self.now):
            return
        elif statement.purpose == "enroll":
            self.enrolled_at[statement.subject] = statement.seq
            self.now[statement.subject] = self.keys[statement.subject] = key
        elif statement.subject not in self.now:
            raise Bad("it revokes a key that was not enrolled")
        else:
            self.revocations.setdefault(statement.subject, (statement, dict(self.now)))
            del self.now[statement.subject]
        self.authority.append(statement.hash)

    def _root(self, statement: Statement, key: Document) -> None:
        if self.recovery is not None or key["kind"] != "recovery":
            raise Bad("there is one root, made by a recovery key")
        if statement.body["mode"] != self.header.get("mode"):
            raise Bad("the root was made for an installation of the other mode")
        [(signature, _)] = statement.signatures
        check_signature(key, statement, signature)
        self.recovery, self.founded = key, statement.body

    def _check_root(self) -> None:
        recovery = self.recovery
        fingerprint = recovery and sha256(bytes.fromhex(recovery["public_key"]))
        if fingerprint != self.header.get("root"):
            self.fail("header", "the root is not the one that the header names")
        if self.wanted_root is not None and fingerprint != self.wanted_root:
            self.fail("root", "the root is not the one with the fingerprint that you gave")
        if self.wanted_root is None and recovery is not None:
            self.unjudged.append(
                f"whether the root is yours: compare {fingerprint} with your note of it"
            )

    def _signers(
        self, statement: Statement, keys: Document, *, at: int | None = None
    ) -> list[Document]:
        """Whose signatures under a statement are good; those alone that were there before an event `at`."""
        found = []
        for signature, digest in statement.signatures:
            key = keys.get(signature["key_id"])
            if at is not None and not self._was_signed((statement.hash, digest), at):
                continue
            if key is not None and self._fault(key, statement, signature) is None:
                found.append(key)
        return found

    def _fault(self, key: Document, statement: Statement, signature: Document) -> str | None:
        """Why a signature is not that key's; None where it is. Each is verified once, for that takes time."""
        name = (canonical(key), statement.hash, canonical(signature))
        if name not in self._faults:
            try:
                check_signature(key, statement, signature)
                self._faults[name] = None
            except Bad as error:
                self._faults[name] = str(error)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                self._faults[name] = f"a signature cannot be read ({type(error).__name__})"
        return self._faults[name]

    def _was_signed(self, what: tuple[str, str], at: int) -> bool:
        """Whether a signature was there before an event; of one purchase, what was signed before is not seen."""
        if self.own is None:
            return what in self.committed
        return self.own.commits.get(what, 0) < at

    def _is_signed_enough(
        self, statement: Statement, now: dict[str, Document], *, at: int | None = None
    ) -> bool:
        """Whether those who could sign had signed a change of who may; in time for an event `at`."""
        if self.recovery is None:
            raise Bad("there is no root before it")
        signers = self._signers(statement, {**now, key_id(self.recovery): self.recovery}, at=at)
        if self.recovery in signers:
            return True
        return self._is_at_needed_level(signers, statement.body["policy_version"], now)

    def _is_at_needed_level(
        self, signers: list[Document], version: int, now: dict[str, Document]
    ) -> bool:
        """Whether these keys prove as much together as a change needed under that policy."""
        strongest = level_of(now.values())
        if strongest is None:
            return False
        levels = self.policies[version][0]["levels"]
        asked = [levels["buy"], levels["release"], levels["assign"], "passphrase"]
        asked += [step["level"] for step in levels.get("buy_above", [])]
        needed = min(strongest, max(asked, key=LEVELS.index), key=LEVELS.index)
        return is_at_least(level_of(signers), needed)

    def _signed_policy(self, statement: Statement) -> None:
        before = statement.body["before_version"]
        is_next = statement.body["version"] == before + 1 and before in self.policies
        if not is_next or self.policies[before][1] != statement.body["before_hash"]:
            return
        if self._is_at_needed_level(self._signers(statement, self.now), before, self.now):
            self.signed_policies[before + 1] = statement.body["hash"]

    def _check_policies(self) -> None:
        if self.founded is None:
            return
        first = self.founded["policy_version"]
        known = self.policies.get(first)
        if known is None or known[1] != self.founded["policy_hash"]:
            self.fail(f"policy {first}", "it is not the one that the root found")
        for version in range(first + 1, len(self.policies) + 1):
            if self.signed_policies.get(version) != self.policies[version][1]:
                self.unjudged.append(
                    f"whether policy {version}, which nobody signed, only tightens the one before it"
                )

    def _check_signatures(self, statement: Statement) -> None:
        if not statement.signatures and statement.purpose not in MAY_BE_UNSIGNED:
            self.fail(statement.place, "it is not signed")
        keys = dict(self.keys)
        if self.recovery is not None:
            keys[key_id(self.recovery)] = self.recovery
        for signature, _ in statement.signatures:
            key = keys.get(signature["key_id"])
            if key is None:
                self.fail(statement.place, "it is signed by a key that was never enrolled")
            elif fault := self._fault(key, statement, signature):
                self.fail(statement.place, fault)
            else:
                if self.furthest is None or statement.seq > self.furthest[0]:
                    self.furthest = (statement.seq, key["person"])

    def consenting(self, intent_id: str, seq: int, at: datetime) -> list[Document]:
        """The keys whose consent to an intent counted when the event at `seq` was written."""
        found = []
        for statement in self.statements:
            is_about = statement.purpose == "approve" and statement.subject == intent_id
            if not is_about or statement.body.get("digest") != self.intents[intent_id][0]:
                continue
            if statement.seq >= seq or not statement.made_at <= at < statement.expires_at:
                continue
            for key in self._signers(statement, self.keys, at=seq):
                name = key_id(key)
                if self.enrolled_at[name] < statement.seq and not self._is_revoked(name, seq):
                    found.append(key)
        return found

    def _is_revoked(self, name: str, seq: int) -> bool:
        """Whether a key counted no longer when the event at `seq` was written.

        A revocation counts from its last needed signature on. Made earlier, it may have waited for that.
        """
        if name not in self.revocations:
            return False
        statement, now = self.revocations[name]
        return statement.seq < seq and self._is_signed_enough(statement, now, at=seq)

    # The end.

    def close(self) -> None:
        """Compare what was taken with what there should be."""
        if not self.header:
            raise Unreadable("The file holds no export.")
        if not self.events:
            self._before_events()
        is_export = self.header.get("format") == EXPORT
        if is_export and not self.has_ended:
            self.fail("the file", "its end is missing")
        if is_export and (self.header["size"], self.header["head"]) != (self.seq, self.hash):
            self.fail(
                f"event {self.header['size']}", "the head names an event that is not the last"
            )
        for statement in self.statements:
            self._check_witness(statement)
        self._check_committed(is_export=is_export)
        for place, checkpoint in self.checkpoints:
            self._check_checkpoint(place, checkpoint, is_export=is_export)
        for at, document in enumerate(self.kept, 1):
            self._check_kept(f"given statement {at}", document)
        for subject, digest in self.words.items():
            if self.word_hashes.get(subject) != digest:
                self.fail("words of " + subject, "they are not what was said")

    def _kept_heads(self) -> Iterator[tuple[Any, Any]]:
        for document in self.kept:
            try:
                made = parsed(document["bytes"])
                yield made["audit_seq"], made["audit_head"]
            except (Bad, KeyError, TypeError):
                continue  # reported by _check_kept

    def _check_kept(self, place: str, document: Document) -> None:
        try:
            statement = Statement(place, document)
            if statement.installation != self.header.get("installation_id"):
                raise Bad("it belongs to another installation")
            if self._is_elsewhere(statement.seq):
                self.unjudged.append(f"{place}: it is about events that are not here")
                return
            for signature, _ in statement.signatures:
                key = self.keys.get(signature["key_id"])
                if key is None:
                    raise Bad("it is signed by a key that this history does not know")
                check_signature(key, statement, signature)
            self._check_head(place, statement.seq, statement.head, "signed")
        except Bad as error:
            self.fail(place, str(error))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self.fail(place, f"it cannot be read ({type(error).__name__})")

    def _check_witness(self, statement: Statement) -> None:
        self._check_head(statement.place, statement.seq, statement.head, "signed")
        if statement.purpose == "approve":
            shown = statement.body.get("shown")
            if not isinstance(shown, str) or sha256(shown) != statement.body.get("card"):
                self.fail(statement.place, "the card's hash is not that of the card")

    def _is_elsewhere(self, seq: int) -> bool:
        """Whether it is not about the events here: of one purchase they begin with its proposal."""
        return self.own is not None and type(seq) is int and not self.first - 1 <= seq <= self.seq

    def _check_head(self, place: str, seq: int, head: str, how: str) -> None:
        if self._is_elsewhere(seq):
            return
        found = self.heads.get(seq)
        if found is None:
            self.fail(place, f"it was {how} over event {seq}, which is not there")
        elif found != head:
            self.fail(place, f"it was {how} over another event {seq} than the one here")

    def _check_committed(self, *, is_export: bool) -> None:
        stored = {(s.hash, digest) for s in self.statements for _, digest in s.signatures}
        for statement in self.statements:
            if is_export or statement.purpose == "approve":
                for signature, digest in statement.signatures:
                    if (statement.hash, digest) not in self.committed:
                        who = signature["key_id"]
                        self.fail(statement.place, f"no event tells of the signature of key {who}")
        if is_export:
            for _ in self.committed.keys() - stored:
                self.fail("statements", "an event tells of a signature that is not here")

    def _check_checkpoint(self, place: str, checkpoint: Document, *, is_export: bool) -> None:
        try:
            signed = {name: value for name, value in checkpoint.items() if name != "signature"}
            message = b"ringfence/checkpoint/v1\x00" + canonical(signed)
            key = checkpoint["key"]
            if not ed25519(bytes.fromhex(key), message, bytes.fromhex(checkpoint["signature"])):
                raise Bad("its signature is not that of its key")
            if checkpoint["installation_id"] != self.header.get("installation_id"):
                raise Bad("it belongs to another installation")
            self._check_head(place, checkpoint["size"], checkpoint["head"], "made")
            if is_export and key not in self.chain_keys:
                raise Bad("its key is one that the chain does not name")
            if not is_export:
                self.unjudged.append(f"whether {key} is the installation's key for checkpoints")
        except Bad as error:
            self.fail(place, str(error))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self.fail(place, f"it cannot be read ({type(error).__name__})")

    def report(self) -> Document:
        """What was found, as one document."""
        return {
            "holds": not self.failures,
            "format": self.header.get("format"),
            "installation_id": self.header.get("installation_id"),
            "events": self.events,
            "statements": len(self.statements),
            "checkpoints": len(self.checkpoints),
            "sent": self.sent,
            "furthest_signed": self.furthest
            and {"seq": self.furthest[0], "person": self.furthest[1]},
            "failures": self.failures,
            "not_judged": list(dict.fromkeys(self.unjudged)),
        }


# One purchase.

_BUNDLE = {
    "format", "installation_id", "mode", "root", "intent_id", "terms", "digest", "policies",
    "statements", "attempts", "ledger", "words", "before", "events", "checkpoint",
}  # fmt: skip
_ATTEMPT = {"attempt_id", "line_id", "request_hash", "outcome", "answer"}


def check_bundle(bundle: Document, verification: Verification) -> None:
    """Verify the evidence of one purchase."""
    if set(bundle) != _BUNDLE or bundle["format"] != EVIDENCE:
        raise Unreadable("The file is no evidence of a purchase: its fields are others.")
    header = {
        name: bundle[name] for name in ("format", "installation_id", "mode", "root", "before")
    }
    if set(bundle["before"]) != {"seq", "hash"}:
        raise Unreadable("The file is no evidence of a purchase: its fields are others.")
    try:
        own = Own(bundle["intent_id"], parsed(bundle["terms"]), bundle["events"])
    except Bad as error:
        raise Unreadable(
            f"The file is no evidence of a purchase: of its terms, {error}."
        ) from error
    verification.own = own
    verification.take({"kind": "header", **header})
    for kind, name in (("policy", "policies"), ("statement", "statements")):
        for each in bundle[name]:
            verification.take({"kind": kind, **each})
    if bundle["checkpoint"] is not None:
        verification.take({"kind": "checkpoint", "checkpoint": bundle["checkpoint"]})
    if bundle["words"] is not None:
        verification.take({"kind": "words", "subject_id": bundle["intent_id"], **bundle["words"]})
    for each in bundle["events"]:
        verification.take({"kind": "event", **each})
    verification.close()
    _check_purchase(bundle, own, verification)


def _check_purchase(bundle: Document, own: Own, found: Verification) -> None:
    _check_terms(bundle, found)
    _check_consent(own, found)
    if bundle["checkpoint"] is None:
        found.unjudged.append("whether the end of the chain was cut off: there is no checkpoint")
    elif bundle["checkpoint"].get("size") != found.seq:
        found.fail("checkpoint", "it is not about the last event here")
    _check_attempts(bundle, found)
    _check_ledger(bundle, own, found)


def _check_consent(own: Own, found: Verification) -> None:
    signed = [s for s in found.statements if (s.purpose, s.subject) == ("approve", own.intent_id)]
    if found.is_keyless and not signed:
        found.unjudged.append("who consented: a sandbox takes consent without anybody's key")
        return
    if found.recovery is None:
        found.fail("root", "there is no root, so nobody's signature counts")
    if not signed:
        found.fail("statements", "nobody signed for it")
    here = {(each.hash, signature["key_id"]) for each in signed for signature, _ in each.signatures}
    for what, key in own.signed:
        if (what, key) not in here:
            found.fail("statements", f"what key {key} signed is missing")


def _check_terms(bundle: Document, found: Verification) -> None:
    proposed = found.intents.get(bundle["intent_id"])
    if proposed is None:
        found.fail("intent_id", "no event proposes it")
    elif proposed[0] != bundle["digest"]:
        found.fail("digest", "it is not the one that was proposed")
    elif sha256(b"ringfence/intent/v1" + bundle["terms"].encode()) != bundle["digest"]:
        found.fail("terms", "the digest is not theirs")
    elif parsed(bundle["terms"])["policy_version"] not in found.policies:
        found.fail("policies", "the one under which it was asked for is missing")


def _check_ledger(bundle: Document, own: Own, found: Verification) -> None:
    adjusted = {entry for number, entry in own.adjusted if number in own.numbers}
    expected = {
        name: digest
        for name, (subject, digest) in found.entries.items()
        if subject in own.lines or name in adjusted
    }
    for entry in bundle["ledger"]:
        name = entry.get("entry_id")
        is_own = entry.get("intent_id") == own.intent_id
        if not is_own and entry.get("number_id") not in own.numbers:
            found.fail(f"ledger entry {name}", "it is another intent's")
        if expected.pop(name, None) != sha256(canonical(entry)):
            found.fail(f"ledger entry {name}", "it is not what was written")
    for name in (expected.keys() | adjusted) - {each.get("entry_id") for each in bundle["ledger"]}:
        found.fail(f"ledger entry {name}", "it is missing")


def _check_attempts(bundle: Document, found: Verification) -> None:
    ours = dict(found.attempts)
    for attempt in bundle["attempts"]:
        name = attempt.get("attempt_id")
        if set(attempt) != _ATTEMPT:
            found.fail(f"attempt {name}", "its fields are others")
        elif ours.pop(name, None) != (attempt["line_id"], attempt["request_hash"]):
            found.fail(f"attempt {name}", "it is not what was sent")
        else:
            end = (
                attempt["outcome"],
                None if attempt["answer"] is None else sha256(attempt["answer"]),
            )
            if found.ends.get(name, (None, None)) != end:
                found.fail(f"attempt {name}", "it did not end like that")
    for name in ours:
        found.fail(f"attempt {name}", "it is missing")


# The command.


def read_witnesses(path: str) -> Iterator[Document]:
    """What a kept file witnesses: its checkpoints, or what approvers signed in the evidence of a purchase.

    Checkpoints are one JSON object a line; a torn last line is left out.
    """
    with open(path, encoding="utf-8") as file:  # noqa: PTH123  # one plain file
        text = file.read(MAX_WITNESS_BYTES)
    try:
        bundle = parsed(text)
    except Bad:
        bundle = {}
    if bundle.get("format") == EVIDENCE:
        yield from (each for each in bundle["statements"] if each["purpose"] == "approve")
        return
    with open(path, encoding="utf-8") as file:  # noqa: PTH123  # one plain file
        for number, line in enumerate(file, 1):
            if line.endswith("\n"):
                try:
                    yield parsed(line)
                except Bad as error:
                    raise Unreadable(f"Line {number} of {path}: {error}.") from error


def _is_header(line: str) -> bool:
    """Whether an export begins so; the evidence of one purchase is a single document."""
    try:
        return parsed(line).get("kind") == "header"
    except Bad:
        return False


def check_file(path: str, verification: Verification) -> None:
    """Verify an export or the evidence of a purchase."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123  # one plain file
        try:
            first = file.readline()
            if _is_header(first):
                verification.take(parsed(first))
                for line in file:
                    verification.take(parsed(line))
                if verification.header.get("format") != EXPORT:
                    raise Unreadable(f"The file has another format than {EXPORT}.")
                verification.close()
                return
            bundle = parsed(first + file.read())
        except Bad as error:
            raise Unreadable(f"The file is no export: {error}.") from error
    if bundle.get("format") != EVIDENCE:
        raise Unreadable(f"The file has another format than {EVIDENCE}.")
    try:
        check_bundle(bundle, verification)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"The file cannot be read ({type(error).__name__}).") from error


def told(report: Document) -> list[str]:
    """A report as lines for a person."""
    lines = [
        f"{each['place'][:1].upper()}{each['place'][1:]}: {each['why']}."
        for each in report["failures"]
    ]
    lines += [f"Not judged: {each}." for each in report["not_judged"]]
    furthest = report["furthest_signed"]
    if furthest:
        lines.append(
            f"The furthest signed event is {furthest['seq']}, signed by {furthest['person']}."
        )
    counts = ", ".join(f"{report[name]} {name}" for name in ("events", "statements", "checkpoints"))
    lines.append(f"{'Everything holds' if report['holds'] else 'It does NOT hold'}: {counts}.")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Verify one file; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", help="what `ringfence audit export` wrote")
    parser.add_argument(
        "--checkpoint",
        action="append",
        default=[],
        help="a file of checkpoints, or evidence of a purchase, that you kept",
    )
    parser.add_argument("--root", help="the fingerprint of the root, as it was pinned")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(arguments)
    try:
        given = [each for path in options.checkpoint for each in read_witnesses(path)]
        verification = Verification(given, options.root)
        check_file(options.file, verification)
    except (OSError, UnicodeDecodeError, Unreadable) as error:
        print(error, file=sys.stderr)
        return 2
    report = verification.report()
    print(json.dumps(report, indent=2) if options.json else "\n".join(told(report)))
    return 0 if report["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
