"""cancel_reservation: ids by what became of them."""

import pytest

from ringfence.desk import reserving
from ringfence.desk.reserving import GivenBack
from ringfence.errors import NotFound
from ringfence_tools.cancel_reservation import OPERATION
from ringfence_tools.parsing import parse
from tools.examples import RESERVATION_ID, TAIL, call, tell

OTHER_ID = f"res_{TAIL}2"
ARGUMENTS = parse(OPERATION, {"reservation_ids": [RESERVATION_ID, OTHER_ID]})


async def test_what_was_kept_is_given_back_and_what_had_lapsed_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = GivenBack(cancelled=(RESERVATION_ID,), already_gone=(OTHER_ID,))
    story = tell(monkeypatch, reserving, "cancel_reservations", given)
    result = await OPERATION.run(call(), ARGUMENTS)
    assert story.asked == [("local:ada", (RESERVATION_ID, OTHER_ID))]
    document = result.as_document()
    assert document["cancelled"] == [RESERVATION_ID]
    assert document["already_gone"] == [OTHER_ID]
    assert document["simulated"] is True
    assert f"Given back: {RESERVATION_ID}." in OPERATION.read(result)
    assert f"Had lapsed before: {OTHER_ID}." in OPERATION.read(result)


async def test_another_caller_s_reservation_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, reserving, "cancel_reservations", NotFound("No such reservation."))
    with pytest.raises(NotFound):
        await OPERATION.run(call(), ARGUMENTS)
