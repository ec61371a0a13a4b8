"""An authenticator in software: what a browser would hand over for a passkey, made by the book (WebAuthn Level 3)."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.approvers import ApproverKey, KeyKind, Signature, Statement, relying_party

ORIGIN = "http://localhost:7415"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text(raw: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def made_on(origin: str, person: str) -> Passkey:
    """Somebody with a passkey that they made on the page at this origin."""
    return Passkey(person, origin=origin, rp_id=relying_party(origin), home=origin)


@dataclass
class Passkey:
    """Somebody with a passkey; what it says of itself can be changed to see it refused."""

    person: str
    origin: str = ORIGIN
    rp_id: str = "localhost"
    flags: int = PRESENT | VERIFIED
    count: int = 0
    home: str = ORIGIN
    """Where it was made."""
    label: str = ""
    """What tells two of one person apart."""
    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def cose(self) -> bytes:
        """The public half, as authenticators write it (RFC 9053)."""
        numbers = self.private.public_key().public_numbers()
        return cbor2.dumps(
            {
                1: 2,
                3: -7,
                -1: 1,
                -2: numbers.x.to_bytes(32, "big"),
                -3: numbers.y.to_bytes(32, "big"),
            }
        )

    @property
    def name(self) -> bytes:
        """What it calls itself at its authenticator."""
        return f"credential of {self.person}{self.label}".encode().ljust(22)

    @property
    def key(self) -> ApproverKey:
        return ApproverKey(
            person=self.person,
            kind=KeyKind.PASSKEY,
            public_key=self.cose.hex(),
            credential_id=text(self.name),
            origin=self.home,
        )

    def sign(self, statement: Statement) -> Signature:
        """Sign a statement's challenge, as a person does who touches the authenticator."""
        return self.sign_challenge(statement.challenge)

    def sign_challenge(self, challenge: bytes) -> Signature:
        self.count += 1
        client = {"type": "webauthn.get", "challenge": text(challenge), "origin": self.origin}
        client_data = json.dumps(client).encode()
        data = hashlib.sha256(self.rp_id.encode()).digest() + bytes([self.flags])
        data += self.count.to_bytes(4, "big")
        signed = self.private.sign(
            data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256())
        )
        return Signature(
            key_id=self.key.key_id,
            assertion=json.dumps(self._credential(client_data, data, signed)),
            sign_count=self.count,
        )

    def make(self, challenge: str) -> str:
        """What a browser answers that was asked to make this passkey, as JSON."""
        client = {"type": "webauthn.create", "challenge": challenge, "origin": self.origin}
        data = hashlib.sha256(self.rp_id.encode()).digest()
        data += bytes([self.flags | ATTESTED]) + self.count.to_bytes(4, "big")
        data += bytes(16) + len(self.name).to_bytes(2, "big") + self.name + self.cose
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        answer = {
            "id": text(self.name),
            "rawId": text(self.name),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": text(json.dumps(client).encode()),
                "attestationObject": text(attestation),
            },
        }
        return json.dumps(answer)

    def _credential(self, client_data: bytes, data: bytes, signed: bytes) -> dict[str, Any]:
        name = self.key.credential_id
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": text(client_data),
                "authenticatorData": text(data),
                "signature": text(signed),
            },
        }
