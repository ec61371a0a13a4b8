"""The stand-alone verifier against the libraries that everybody uses, and against the published vectors."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.living import Living
from guard.authenticator import Passkey
from ringfence.approvers import Purpose, Signature, Statement
from ringfence.guard import evidence, signatures
from ringfence.guard.signatures import BadSignature
from ringfence_server.verifier import standalone

MESSAGES = st.binary(max_size=80)
FEW = settings(max_examples=25, deadline=None)
FILE = Path(standalone.__file__)

# RFC 8032, 7.1, tests 1 to 3: public key, message, signature.
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_the_published_signatures_hold(public: str, message: str, signature: str) -> None:
    raw = [bytes.fromhex(each) for each in (public, message, signature)]
    assert standalone.ed25519(*raw)
    assert not standalone.ed25519(raw[0], raw[1] + b"x", raw[2])


@cache
def keys() -> tuple[Ed25519PrivateKey, ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey]:
    return (
        Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256R1()),
        rsa.generate_private_key(65_537, 2_048),
    )


def ed25519(message: bytes) -> tuple[bytes, Callable[[bytes, bytes], bool], Callable[..., None]]:
    key = keys()[0]
    public = key.public_key()
    return (
        key.sign(message),
        lambda m, s: standalone.ed25519(public.public_bytes_raw(), m, s),
        lambda m, s: public.verify(s, m),
    )


def es256(message: bytes) -> tuple[bytes, Callable[[bytes, bytes], bool], Callable[..., None]]:
    key = keys()[1]
    public, numbers = key.public_key(), key.public_key().public_numbers()
    return (
        key.sign(message, ec.ECDSA(hashes.SHA256())),
        lambda m, s: standalone.es256(numbers.x, numbers.y, m, s),
        lambda m, s: public.verify(s, m, ec.ECDSA(hashes.SHA256())),
    )


def rs256(message: bytes) -> tuple[bytes, Callable[[bytes, bytes], bool], Callable[..., None]]:
    key = keys()[2]
    public, numbers = key.public_key(), key.public_key().public_numbers()
    return (
        key.sign(message, padding.PKCS1v15(), hashes.SHA256()),
        lambda m, s: standalone.rs256(numbers.n, numbers.e, m, s),
        lambda m, s: public.verify(s, m, padding.PKCS1v15(), hashes.SHA256()),
    )


@pytest.mark.parametrize("algorithm", [ed25519, es256, rs256])
@FEW
@given(message=MESSAGES, other=MESSAGES, at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_it_says_what_the_library_says(
    algorithm: Callable[..., tuple[bytes, Callable[[bytes, bytes], bool], Callable[..., None]]],
    message: bytes,
    other: bytes,
    at: int,
    bit: int,
) -> None:
    signature, ours, theirs = algorithm(message)
    broken = bytearray(signature)
    broken[at % len(broken)] ^= 1 << bit
    tries = [(message, signature), (other, signature), (message, bytes(broken)), (message, b"")]
    for text, signed in tries:
        try:
            theirs(text, signed)
        except InvalidSignature:
            assert not ours(text, signed)
        else:
            assert ours(text, signed)


@FEW
@given(public=st.binary(min_size=32, max_size=32), signature=st.binary(min_size=64, max_size=64))
def test_of_nonsense_it_says_what_the_library_says(public: bytes, signature: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, b"x")
    except InvalidSignature:
        assert not standalone.ed25519(public, b"x", signature)
    else:  # keys of small order, which belong to nobody
        assert standalone.ed25519(public, b"x", signature)


def test_a_scalar_above_the_order_is_no_signature() -> None:
    """Else one signature could be written in two ways."""
    key = keys()[0]
    signature = key.sign(b"x")
    scalar = int.from_bytes(signature[32:], "little") + standalone.ORDER
    public = key.public_key().public_bytes_raw()
    assert not standalone.ed25519(public, b"x", signature[:32] + scalar.to_bytes(32, "little"))


COSE = st.recursive(
    st.integers(-(2**63), 2**63) | st.binary(max_size=300) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.integers(-300, 300), inner, max_size=4)
    ),
    max_leaves=8,
)


@FEW
@given(COSE)
def test_it_reads_keys_as_the_library_does(value: object) -> None:
    assert standalone.cbor(cbor2.dumps(value)) == value


# Passkeys.


def statement(subject: str = "int_1") -> Statement:
    return Statement.model_validate(
        {
            "purpose": Purpose.APPROVE,
            "installation_id": "ins_1",
            "subject": subject,
            "body": {},
            "nonce": "n" * 43,
            "audit_seq": 1,
            "audit_head": "0" * 64,
            "made_at": datetime(2026, 11, 22, 12, tzinfo=UTC),
            "expires_at": datetime(2026, 11, 22, 13, tzinfo=UTC),
        }
    )


PASSKEYS = {
    "sound": Passkey("ada"),
    "at another origin": Passkey("ada", origin="http://localhost:9999"),
    "for another site": Passkey("ada", rp_id="evil.example"),
    "with nobody present": Passkey("ada", flags=0x04),
    "without the person verified": Passkey("ada", flags=0x01),
}


@pytest.mark.parametrize("how", PASSKEYS)
def test_a_passkey_is_judged_as_the_library_judges_it(how: str) -> None:
    passkey, signed = PASSKEYS[how], statement()
    assert judged(passkey, signed, passkey.sign(signed)) is (how == "sound")


def test_an_answer_to_another_challenge_is_none() -> None:
    passkey = Passkey("ada")
    assert not judged(passkey, statement(), passkey.sign(statement("int_2")))


def test_another_passkey_s_answer_is_none() -> None:
    ada, eve = Passkey("ada"), Passkey("eve")
    forged = eve.sign(statement()).model_copy(update={"key_id": ada.key.key_id})
    assert not judged(ada, statement(), forged)


def test_a_counter_that_was_noted_wrongly_is_noticed() -> None:
    passkey = Passkey("ada")
    signature = passkey.sign(statement()).model_copy(update={"sign_count": 7})
    with pytest.raises(standalone.Bad, match="counter"):
        _ours(passkey, statement(), signature)


def judged(passkey: Passkey, signed: Statement, signature: Signature) -> bool:
    """Whether both find the signature good; they must agree."""
    try:
        signatures.verify(passkey.key, signed.purpose, signed.encoded, signature)
        theirs = True
    except BadSignature:
        theirs = False
    try:
        _ours(passkey, signed, signature)
        ours = True
    except standalone.Bad:
        ours = False
    assert ours is theirs
    return ours


def _ours(passkey: Passkey, signed: Statement, signature: Signature) -> None:
    key = passkey.key.model_dump(mode="json")
    standalone.passkey(key, signed.challenge, signature.model_dump(mode="json"))


def test_a_passkey_with_rsa_is_verified() -> None:
    private = keys()[2]
    numbers = private.public_key().public_numbers()
    key = cbor2.dumps(
        {1: 3, 3: -257, -1: numbers.n.to_bytes(256, "big"), -2: numbers.e.to_bytes(3, "big")}
    )
    signed = private.sign(b"x", padding.PKCS1v15(), hashes.SHA256())
    assert standalone.cose_signed(key, b"x", signed)
    assert not standalone.cose_signed(key, b"y", signed)


def test_the_challenge_is_the_one_that_is_signed() -> None:
    made = statement()
    document = {"purpose": "approve", "bytes": made.encoded.decode(), "signatures": []}
    assert standalone.Statement("here", document).challenge == made.challenge
    assert standalone.sha256(made.encoded) == hashlib.sha256(made.encoded).hexdigest()


# As a program of its own.


def alone(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the file with nothing but Python's own library in reach."""
    command = [sys.executable, "-I", "-S", str(FILE), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
async def exported(living: Living, tmp_path: Path) -> tuple[Path, Path]:
    """A whole history, and the evidence of the purchase in it."""
    intent = await living.buy(reason="a canary")
    whole, one = tmp_path / "history.jsonl", tmp_path / "purchase.json"
    documents = living.house.read(lambda tx: list(evidence.history(tx, with_texts=False)))
    whole.write_text("".join(json.dumps(each) + "\n" for each in documents))
    found = living.house.read(
        lambda tx: evidence.of_purchase(tx, intent.intent_id, with_texts=True)
    )
    one.write_text(json.dumps(found))
    return whole, one


async def test_it_needs_nothing_but_python(living: Living, exported: tuple[Path, Path]) -> None:
    for file in exported:
        ended = alone(file, "--root", living.root, "--checkpoint", living.file())
        assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
        assert "Everything holds" in ended.stdout
        assert "signed by ada" in ended.stdout
    kept = alone(exported[0], "--checkpoint", exported[1], "--json")
    assert json.loads(kept.stdout)["holds"]


async def test_it_names_what_it_cannot_judge(exported: tuple[Path, Path]) -> None:
    assert "Not judged: whether the root is yours" in alone(exported[0]).stdout


async def test_another_root_is_refused(exported: tuple[Path, Path]) -> None:
    ended = alone(exported[0], "--root", "0" * 64)
    assert ended.returncode == 1
    assert "Root: the root is not the one" in ended.stdout


def test_what_is_no_export_ends_with_2(tmp_path: Path) -> None:
    for text in ("", "[]", "{}", '{"kind": "event"}\n', "x" * 1_000, '{"format": "ringfence/evidence/1"}'):  # fmt: skip
        file = tmp_path / "none"
        file.write_text(text)
        ended = alone(file)
        assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
        assert "Traceback" not in ended.stderr
