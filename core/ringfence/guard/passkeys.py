"""Passkeys as browsers speak of them: what one is asked for, and what it answers, read with suspicion.

(Web Authentication Level 3: PublicKeyCredentialCreationOptionsJSON, RegistrationResponseJSON and their kin. webauthn
3.0.1 keeps nothing between the two, so single use is ours: PROTOTYPES.md §3.)
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode
from collections.abc import Collection
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ringfence.approvers import ApproverKey, KeyKind, Signature, relying_party
from ringfence.errors import NotAuthorized

if TYPE_CHECKING:  # 155 ms that only passkeys pay
    from webauthn.helpers.cose import COSEAlgorithmIdentifier
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

TIMEOUT_MS = 120_000
"""For a person to find their key and touch it; browsers keep to it roughly."""
HANDLE_BYTES = 32
MAX_ANSWER_CHARACTERS = 8_000
"""Three times what the largest key of the largest kind needs."""


def creation_options(
    person: str, *, origin: str, challenge: str, known: Collection[ApproverKey]
) -> str:
    """What `navigator.credentials.create` is asked for, as JSON.

    Args:
        person: whose it will be.
        origin: of the page that asks.
        challenge: what it must answer, base64url.
        known: passkeys of this person, which are not made twice on one authenticator.
    """
    import webauthn
    from webauthn.helpers import structs

    options = webauthn.generate_registration_options(
        rp_id=relying_party(origin),
        rp_name="ringfence",
        user_name=person,
        user_id=secrets.token_bytes(HANDLE_BYTES),
        user_display_name=person,
        challenge=_bytes(challenge),
        timeout=TIMEOUT_MS,
        attestation=structs.AttestationConveyancePreference.NONE,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.PREFERRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(known),
        supported_pub_key_algs=_algorithms(),
    )
    return webauthn.options_to_json(options)


def created(answer: str, *, person: str, origin: str, challenge: str) -> ApproverKey:
    """The public half of a passkey that a browser says was made.

    Raises:
        NotAuthorized: it answers something else, for another page, or the person was not verified.
    """
    import webauthn
    from webauthn.helpers import bytes_to_base64url
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        made = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=_bytes(challenge),
            expected_rp_id=relying_party(origin),
            expected_origin=origin,
            require_user_verification=True,
            supported_pub_key_algs=_algorithms(),
        )
        return ApproverKey(
            person=person,
            kind=KeyKind.PASSKEY,
            public_key=made.credential_public_key.hex(),
            credential_id=bytes_to_base64url(made.credential_id),
            origin=origin,
        )
    except Exception as error:  # the decoders meet hostile bytes here, and raise what they like
        why = str(error) if isinstance(error, WebAuthnException) else type(error).__name__
        raise NotAuthorized(f"The browser's answer makes no passkey: {why}.") from error


def request_options(challenge: bytes, keys: Collection[ApproverKey]) -> str:
    """What `navigator.credentials.get` is asked for, as JSON; one of these keys is to answer the challenge."""
    import webauthn
    from webauthn.helpers import structs

    [party] = {key.rp_id for key in keys}
    options = webauthn.generate_authentication_options(
        rp_id=party,
        challenge=challenge,
        timeout=TIMEOUT_MS,
        allow_credentials=_descriptors(keys),
        user_verification=structs.UserVerificationRequirement.REQUIRED,
    )
    return webauthn.options_to_json(options)


def signature_in(answer: str, keys: Collection[ApproverKey]) -> Signature:
    """A browser's answer as the signature of the key that it names; nothing of it is verified yet.

    Raises:
        NotAuthorized: it is no answer of any of these keys.
    """
    from webauthn.helpers import (
        parse_authentication_credential_json,
        parse_authenticator_data,
    )

    try:
        credential = parse_authentication_credential_json(answer)
        count = parse_authenticator_data(credential.response.authenticator_data).sign_count
        [key] = [key for key in keys if key.credential_id == credential.id]
        return Signature(key_id=key.key_id, assertion=answer, sign_count=count)
    except ValidationError as error:
        raise NotAuthorized("The browser's answer is too long for a signature.") from error
    except Exception as error:  # as in `created`
        raise NotAuthorized(
            "The browser's answer is not that of a passkey of this page."
        ) from error


def challenge_in(answer: str) -> str | None:
    """Which challenge a browser's answer claims to be for, base64url; None where it says none."""
    try:
        client_data = _bytes(json.loads(answer)["response"]["clientDataJSON"])
        challenge = json.loads(client_data)["challenge"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return challenge if isinstance(challenge, str) else None


def _algorithms() -> list[COSEAlgorithmIdentifier]:
    from webauthn.helpers.cose import COSEAlgorithmIdentifier as Algorithm

    return [
        Algorithm.ECDSA_SHA_256,
        Algorithm.EDDSA,
        Algorithm.RSASSA_PKCS1_v1_5_SHA_256,
    ]


def _descriptors(keys: Collection[ApproverKey]) -> list[PublicKeyCredentialDescriptor]:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

    return [PublicKeyCredentialDescriptor(id=_bytes(key.credential_id or "")) for key in keys]


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
