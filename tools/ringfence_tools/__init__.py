"""The tools: one operation, one module, same name. `CATALOG` lists them as the assistant sees them.

A tool parses nothing and asks nobody. The server parses the arguments (`parsing`), runs the
operation, asks or waits where an intent awaits consent, follows it, and shows the result or the
refusal (`refusal`).
"""

from ringfence_tools import (
    assign_number,
    buy_numbers,
    cancel_intent,
    cancel_reservation,
    check_requirements,
    get_intent,
    list_numbers,
    provision_number,
    release_number,
    reserve_numbers,
    search_numbers,
    show_spending,
)
from ringfence_tools.operation import AnyOperation

CATALOG: tuple[AnyOperation, ...] = (
    search_numbers.OPERATION,
    check_requirements.OPERATION,
    reserve_numbers.OPERATION,
    cancel_reservation.OPERATION,
    buy_numbers.OPERATION,
    get_intent.OPERATION,
    cancel_intent.OPERATION,
    assign_number.OPERATION,
    list_numbers.OPERATION,
    release_number.OPERATION,
    show_spending.OPERATION,
    provision_number.OPERATION,
)

__all__ = ["CATALOG"]
