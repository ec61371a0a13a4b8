"""Verifying signatures from stored bytes, with public keys alone."""

from __future__ import annotations

from ringfence.approvers import ApproverKey, KeyKind, Purpose, Signature, challenge_of
from ringfence.errors import NotAuthorized


class BadSignature(NotAuthorized):
    """The signature is not that key's over this statement."""


def verify(
    key: ApproverKey, purpose: Purpose, encoded: bytes, signature: Signature, *, last_count: int = 0
) -> int:
    """Check one signature over a statement's bytes; the passkey's counter after it, else 0.

    Args:
        key: whose it claims to be.
        purpose: of the statement.
        encoded: the statement's stored bytes.
        signature: what was stored beside it.
        last_count: the passkey's counter so far; one that does not grow is a copy of the authenticator.

    Raises:
        BadSignature: it is not.
    """
    if signature.key_id != key.key_id:
        raise BadSignature("The signature names another key.")
    challenge = challenge_of(purpose, encoded)
    if key.kind is KeyKind.PASSKEY:
        return _verify_passkey(key, challenge, signature, last_count)
    _verify_ed25519(key, challenge, signature)
    return 0


def _verify_ed25519(key: ApproverKey, challenge: bytes, signature: Signature) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public_key))
        public.verify(bytes.fromhex(signature.ed25519 or ""), challenge)
    except (InvalidSignature, ValueError) as error:
        raise BadSignature(f"The signature is not that of key {key.key_id}.") from error


def _verify_passkey(
    key: ApproverKey, challenge: bytes, signature: Signature, last_count: int
) -> int:
    # 155 ms that only passkeys pay. (webauthn 3.0.1; PROTOTYPES: it is stateless, single use is ours.)
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    if signature.assertion is None or key.origin is None:
        raise BadSignature(f"Key {key.key_id} is a passkey, and this is no passkey's signature.")
    try:
        verified = verify_authentication_response(
            credential=signature.assertion,
            expected_challenge=challenge,
            expected_rp_id=key.rp_id,
            expected_origin=key.origin,
            credential_public_key=bytes.fromhex(key.public_key),
            credential_current_sign_count=last_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError) as error:
        raise BadSignature(f"The passkey {key.key_id} has not signed this: {error}") from error
    return verified.new_sign_count
