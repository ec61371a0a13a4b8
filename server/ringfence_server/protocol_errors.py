"""Errors outside tools/call, where there is no result to put a refusal in: told to the host, never as a traceback."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Set
from contextlib import contextmanager

from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS

from ringfence.errors import InternalError, InvalidArguments, RingfenceError

log = logging.getLogger(__name__)


@contextmanager
def told_to_the_host(about: str, listed: Set[str]) -> Iterator[None]:
    """Turn whatever goes wrong inside into an error of the protocol, with the refusal as its data."""
    try:
        yield
    except MCPError:
        raise
    except RingfenceError as error:
        raise _told(error, listed) from error
    except Exception as error:
        raise _told(logged(about, error), listed) from error


def logged(about: str, error: Exception) -> InternalError:
    """A bug, written to the log under an id; the caller sees the id and one sentence."""
    log_id = secrets.token_hex(4)
    log.error("%s: a bug in %s.", log_id, about, exc_info=error)
    return InternalError(
        f"Something went wrong inside ringfence; its log has the details under {log_id}.",
        details={"log_id": log_id},
    )


def _told(error: RingfenceError, listed: Set[str]) -> MCPError:
    from ringfence_tools.refusal import error_document

    code = INVALID_PARAMS if isinstance(error, InvalidArguments) else INTERNAL_ERROR
    return MCPError(code, error.message, error_document(error, listed))
