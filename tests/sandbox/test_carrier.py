"""The sandbox carrier as a company: it sells once, charges once, and forgets nothing."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest

import ringfence
from ringfence.clock import ManualClock
from ringfence.errors import ConfigurationError, InvalidArguments
from ringfence.money import Money
from ringfence.sandbox import books
from ringfence.sandbox.carrier import Carrier
from ringfence.sandbox.faults import Fault
from ringfence.sandbox.orders import OrderState
from ringfence.sandbox.stock import Wish
from ringfence.sandbox.trouble import CarrierError, CarrierTimeout

STOCK = "S-14155550142"
NUMBER = "+14155550142"
SAN_FRANCISCO = Wish(country="US", area_code="415")


def numbers_on_sale(carrier: Carrier) -> set[str]:
    return {item.number for item in carrier.search(SAN_FRANCISCO).items}


# The conversation: search, quote, hold, buy.


def test_a_search_gives_pages_that_follow_on_each_other(carrier: Carrier) -> None:
    first = carrier.search(SAN_FRANCISCO, limit=15)
    second = carrier.search(SAN_FRANCISCO, offset=15, limit=15)
    assert (len(first.items), first.next_offset) == (15, 15)
    assert (len(second.items), second.next_offset) == (5, None)
    assert len({item.number for item in first.items + second.items}) == 20


def test_no_page_is_longer_than_fifty(carrier: Carrier) -> None:
    assert len(carrier.search(Wish(country="US"), limit=1000).items) == 50


def test_a_quote_is_the_item_at_the_carrier_s_time(carrier: Carrier, clock: ManualClock) -> None:
    quotation = carrier.quote(STOCK)
    assert quotation is not None
    assert (quotation.item.number, quotation.quoted_at) == (NUMBER, clock.now())


def test_a_hold_lasts_thirty_minutes(carrier: Carrier, clock: ManualClock) -> None:
    hold = carrier.hold(STOCK)
    assert hold is not None
    assert hold.expires_at == clock.now() + timedelta(minutes=30)
    clock.advance(minutes=29, seconds=59)
    assert carrier.holds() == [hold]
    clock.advance(seconds=1)
    assert carrier.holds() == []


def test_holding_again_extends_the_same_hold(carrier: Carrier, clock: ManualClock) -> None:
    first = carrier.hold(STOCK)
    clock.advance(minutes=20)
    again = carrier.hold(STOCK)
    assert first is not None
    assert again is not None
    assert again.hold_id == first.hold_id
    assert again.expires_at == first.expires_at + timedelta(minutes=20)


def test_a_hold_is_given_back_once(carrier: Carrier) -> None:
    hold = carrier.hold(STOCK)
    assert hold is not None
    assert carrier.cancel_hold(hold.hold_id)
    assert not carrier.cancel_hold(hold.hold_id)


def test_some_numbers_are_kept_for_nobody(carrier: Carrier) -> None:
    [item, *_] = carrier.search(Wish(country="US", area_code="404")).items
    with pytest.raises(CarrierError, match="422 not_reservable"):
        carrier.hold(item.stock_id)


def test_a_purchase_charges_once_and_takes_the_number_off_the_shelf(
    carrier: Carrier, clock: ManualClock
) -> None:
    carrier.hold(STOCK)
    order = carrier.buy(STOCK, tag="rf1/a")
    assert (order.number, order.state, order.tag) == (NUMBER, OrderState.SUCCESS, "rf1/a")
    [charge] = carrier.charges()
    assert (charge.number, charge.tag, charge.charged_at) == (NUMBER, "rf1/a", clock.now())
    assert charge.price.now == Money.parse("2.00 USD")
    assert [number.item.number for number in carrier.owned()] == [NUMBER]
    assert NUMBER not in numbers_on_sale(carrier)
    assert carrier.quote(STOCK) is None
    assert carrier.hold(STOCK) is None
    assert carrier.holds() == []


def test_what_is_ours_is_not_sold_to_us_again(carrier: Carrier) -> None:
    carrier.buy(STOCK, tag="rf1/a")
    with pytest.raises(CarrierError, match="409 already_owned"):
        carrier.buy(STOCK, tag="rf1/a")
    assert len(carrier.charges()) == 1


@pytest.mark.parametrize(
    ("wish", "answer"),
    [
        (Wish(country="DE"), "422 papers_missing"),
        (Wish(country="US", area_code="882"), "409 back_order"),
        (Wish(country="GB", contains="3069990990"), "422 no_price"),
    ],
)
def test_a_number_that_cannot_be_bought_is_refused_uncharged(
    carrier: Carrier, wish: Wish, answer: str
) -> None:
    [item, *_] = carrier.search(wish).items
    with pytest.raises(CarrierError, match=answer):
        carrier.buy(item.stock_id, tag="rf1/a")
    assert carrier.charges() == []


def test_a_number_that_never_was_is_gone(carrier: Carrier) -> None:
    assert carrier.quote("S-1") is None
    assert carrier.hold("S-1") is None
    with pytest.raises(CarrierError, match="404 number_gone"):
        carrier.buy("S-1", tag="rf1/a")


def test_a_purchase_that_waited_past_its_deadline_is_dropped(
    carrier: Carrier, clock: ManualClock
) -> None:
    clock.advance(seconds=2)
    with pytest.raises(CarrierTimeout):
        carrier.buy(STOCK, tag="rf1/a", deadline=2.0)
    assert carrier.charges() == []
    carrier.buy(STOCK, tag="rf1/a", deadline=2.1)


def test_calls_and_texts_go_where_we_say(carrier: Carrier) -> None:
    carrier.buy(STOCK, tag="rf1/a")
    [number] = carrier.owned()
    carrier.configure(number.number_id, voice_url="https://example.com/v", sms_url=None)
    [number] = carrier.owned()
    assert (number.voice_url, number.sms_url) == ("https://example.com/v", None)


def test_another_s_number_is_not_ours_to_configure(carrier: Carrier) -> None:
    with pytest.raises(CarrierError, match="404"):
        carrier.configure("N-000001", voice_url=None, sms_url=None)


@pytest.mark.parametrize(
    ("bought", "now", "renews"),
    [
        ((2026, 11, 22), (2026, 11, 22), (2026, 12, 22)),
        ((2026, 12, 15), (2026, 12, 15), (2027, 1, 15)),
        ((2027, 1, 31), (2027, 1, 31), (2027, 2, 28)),
        ((2028, 1, 31), (2028, 2, 1), (2028, 2, 29)),
        ((2027, 1, 31), (2027, 2, 28), (2027, 3, 31)),
        ((2027, 1, 31), (2027, 3, 30), (2027, 3, 31)),
        ((2026, 11, 22), (2028, 11, 22), (2028, 12, 22)),
    ],
)
def test_a_number_renews_every_month_on_its_day_or_the_month_s_last(
    path: Path,
    bought: tuple[int, int, int],
    now: tuple[int, int, int],
    renews: tuple[int, int, int],
) -> None:
    with closing(Carrier(path, ManualClock(datetime(*bought, tzinfo=UTC)))) as carrier:
        carrier.buy(STOCK, tag="rf1/a")
        [number] = carrier.owned()
    assert number.renewal_after(datetime(*now, tzinfo=UTC)) == datetime(*renews, tzinfo=UTC)


# Faults strike in order, once each.


def test_gone_sells_the_number_to_somebody_else(carrier: Carrier) -> None:
    carrier.hold(STOCK)
    carrier.add_fault(Fault.GONE)
    with pytest.raises(CarrierError, match="404 number_gone"):
        carrier.buy(STOCK, tag="rf1/a")
    assert NUMBER not in numbers_on_sale(carrier)
    assert carrier.holds() == []
    assert carrier.charges() == []


@pytest.mark.parametrize(
    ("fault", "answer", "charges"),
    [
        (Fault.RATE_LIMITED, "429", 0),
        (Fault.SERVER_ERROR, "500", 0),
        (Fault.TIMEOUT_BEFORE_CHARGE, "no answer", 0),
        (Fault.TIMEOUT_AFTER_CHARGE, "no answer", 1),
    ],
)
def test_a_purchase_goes_wrong_once_and_the_next_one_right(
    carrier: Carrier, fault: Fault, answer: str, charges: int
) -> None:
    carrier.add_fault(fault)
    with pytest.raises((CarrierError, CarrierTimeout), match=answer):
        carrier.buy(STOCK, tag="rf1/a")
    assert len(carrier.charges()) == len(carrier.owned()) == charges
    carrier.buy("S-14155550104" if charges else STOCK, tag="rf1/b")


def test_a_pending_order_is_carried_out_two_seconds_later(
    carrier: Carrier, clock: ManualClock
) -> None:
    carrier.add_fault(Fault.PENDING)
    order = carrier.buy(STOCK, tag="rf1/a")
    accepted_at = clock.now()
    assert order.state is OrderState.PENDING
    assert NUMBER not in numbers_on_sale(carrier)
    with pytest.raises(CarrierError, match="409 already_ordered"):
        carrier.buy(STOCK, tag="rf1/a")
    clock.advance(seconds=1.9)
    assert (carrier.charges(), carrier.owned()) == ([], [])
    clock.advance(minutes=5)
    [charge] = carrier.charges()
    assert charge.charged_at == accepted_at + timedelta(seconds=2)
    assert [each.state for each in carrier.orders()] == [OrderState.SUCCESS]
    assert len(carrier.owned()) == 1


def test_price_moved_raises_a_monthly_price_for_good_at_the_next_quote(carrier: Carrier) -> None:
    carrier.add_fault(Fault.PRICE_MOVED)
    unmoved = carrier.search(SAN_FRANCISCO, limit=1).items[0].price
    quotation = carrier.quote(STOCK)
    assert quotation is not None
    assert quotation.item.price is not None
    assert unmoved is not None
    assert str(unmoved.monthly) == "1.00 USD"
    assert str(quotation.item.price.monthly) == "1.50 USD"
    assert carrier.quote(STOCK) == quotation
    assert carrier.buy(STOCK, tag="rf1/a").price == quotation.item.price


def test_faults_of_one_kind_of_call_leave_the_other_kinds_alone(carrier: Carrier) -> None:
    for fault in (Fault.PRICE_MOVED, Fault.SERVER_ERROR, Fault.SLOW, Fault.RATE_LIMITED):
        carrier.add_fault(fault)
    with pytest.raises(CarrierError, match="500"):
        carrier.buy(STOCK, tag="rf1/a")
    assert carrier.take_slow()
    assert not carrier.take_slow()
    assert carrier.faults() == [Fault.PRICE_MOVED, Fault.RATE_LIMITED]


def test_a_fault_strikes_as_often_as_it_was_asked_to(carrier: Carrier) -> None:
    carrier.add_fault(Fault.RATE_LIMITED, times=2)
    for _ in range(2):
        with pytest.raises(CarrierError, match="429"):
            carrier.buy(STOCK, tag="rf1/a")
    assert carrier.buy(STOCK, tag="rf1/a").state is OrderState.SUCCESS


@pytest.mark.parametrize("times", [0, -1, 101])
def test_a_fault_is_asked_for_a_hundred_times_at_most(carrier: Carrier, times: int) -> None:
    with pytest.raises(InvalidArguments):
        carrier.add_fault(Fault.GONE, times=times)


# Its own time, and starting anew.


def test_another_process_moves_the_carrier_s_clock(carrier: Carrier, path: Path) -> None:
    hold = carrier.hold(STOCK)
    assert hold is not None
    with closing(Carrier(path, ManualClock())) as elsewhere:
        elsewhere.advance(timedelta(minutes=31))
    assert carrier.offset() == timedelta(minutes=31)
    assert carrier.now() == ManualClock().now() + timedelta(minutes=31)
    assert carrier.holds() == []
    carrier.set_offset(timedelta(0))
    assert carrier.now() == ManualClock().now()


def test_the_clock_moves_ten_years_at_most(carrier: Carrier) -> None:
    carrier.advance(timedelta(days=3650))
    with pytest.raises(InvalidArguments):
        carrier.advance(timedelta(seconds=1))


def test_a_reset_empties_everything(carrier: Carrier) -> None:
    carrier.buy(STOCK, tag="rf1/a")
    carrier.hold("S-14155550104")
    carrier.add_fault(Fault.PRICE_MOVED)
    carrier.quote("S-14155550104")
    carrier.add_fault(Fault.SLOW)
    carrier.advance(timedelta(days=1))
    carrier.reset()
    assert (carrier.charges(), carrier.owned(), carrier.orders()) == ([], [], [])
    assert carrier.holds() == []
    assert carrier.faults() == []
    assert carrier.offset() == timedelta(0)
    assert len(numbers_on_sale(carrier)) == 20
    assert carrier.buy(STOCK, tag="rf1/a").order_id == "O-000001"


def test_a_reset_in_another_process_is_seen_at_once(carrier: Carrier, path: Path) -> None:
    carrier.buy(STOCK, tag="rf1/a")
    with closing(Carrier(path, ManualClock())) as elsewhere:
        elsewhere.reset()
    assert carrier.charges() == []
    carrier.buy(STOCK, tag="rf1/b")


# The file.


def test_nothing_is_made_before_the_first_call(carrier: Carrier, path: Path) -> None:
    assert carrier.account_id == "C-000001"
    assert not path.parent.exists()


def test_only_its_owner_can_read_the_file_and_its_folders(carrier: Carrier, path: Path) -> None:
    carrier.buy(STOCK, tag="rf1/a")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(files) == {f"carrier.db{suffix}" for suffix in ("", "-wal", "-shm", ".lock")}
    assert set(files.values()) == {0o600}


def test_a_commit_is_on_the_disk_before_it_is_answered(carrier: Carrier) -> None:
    carrier.buy(STOCK, tag="rf1/a")
    with carrier._books.transaction() as db:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert db.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL


@pytest.mark.parametrize("change", ["DELETE FROM charges", "UPDATE charges SET tag = ''"])
def test_a_charge_is_never_changed_or_forgotten(carrier: Carrier, path: Path, change: str) -> None:
    carrier.buy(STOCK, tag="rf1/a")
    with (
        closing(sqlite3.connect(path)) as db,
        pytest.raises(sqlite3.IntegrityError, match="never"),
    ):
        db.execute(change)
    assert len(carrier.charges()) == 1


def test_what_was_bought_is_still_there_for_the_next_process(carrier: Carrier, path: Path) -> None:
    carrier.buy(STOCK, tag="rf1/a")
    before = carrier.statement()
    carrier.close()
    with closing(Carrier(path, ManualClock())) as later:
        assert later.statement() == before


def test_a_number_that_is_given_back_stays_so_for_the_next_process(
    carrier: Carrier, path: Path, clock: ManualClock
) -> None:
    carrier.buy(STOCK, tag="rf1/a")
    clock.advance(days=40)
    released = carrier.release("N-000001")
    assert (released.number, released.released_at) == (NUMBER, clock.now())
    carrier.close()
    with closing(Carrier(path, ManualClock())) as later:
        assert (later.owned(), later.releases()) == ([], [released])
        assert [charge.number for charge in later.charges()] == [NUMBER]


def test_a_number_that_was_given_back_is_not_for_sale_and_not_ours(carrier: Carrier) -> None:
    carrier.buy(STOCK, tag="rf1/a")
    carrier.release("N-000001")
    assert carrier.quote(STOCK) is None
    assert carrier.hold(STOCK) is None
    assert NUMBER not in numbers_on_sale(carrier)
    with pytest.raises(CarrierError) as caught:
        carrier.buy(STOCK, tag="rf1/b")
    assert (caught.value.status, caught.value.code) == (404, "number_gone")
    with pytest.raises(CarrierError):
        carrier.configure("N-000001", voice_url=None, sms_url=None)


@pytest.mark.parametrize("number_id", ["N-000002", "N-1", "", "' OR 1=1 --"])
def test_what_is_not_ours_cannot_be_given_back(carrier: Carrier, number_id: str) -> None:
    carrier.buy(STOCK, tag="rf1/a")
    with pytest.raises(CarrierError) as caught:
        carrier.release(number_id)
    assert (caught.value.status, caught.value.code) == (404, "not_found")
    assert len(carrier.owned()) == 1


@pytest.mark.parametrize(
    ("fault", "raised", "is_ours"),
    [
        (Fault.GONE, CarrierError, False),
        (Fault.TIMEOUT_BEFORE_CHARGE, CarrierTimeout, True),
        (Fault.TIMEOUT_AFTER_CHARGE, CarrierTimeout, False),
        (Fault.RATE_LIMITED, CarrierError, True),
        (Fault.SERVER_ERROR, CarrierError, True),
    ],
)
def test_a_fault_strikes_a_release_once(
    carrier: Carrier, fault: Fault, raised: type[Exception], is_ours: bool
) -> None:
    carrier.buy(STOCK, tag="rf1/a")
    carrier.add_fault(fault)
    with pytest.raises(raised):
        carrier.release("N-000001")
    assert (len(carrier.owned()), carrier.faults()) == (int(is_ours), [])


def test_a_pending_order_is_no_fault_of_a_release(carrier: Carrier) -> None:
    carrier.buy(STOCK, tag="rf1/a")
    carrier.add_fault(Fault.PENDING)
    carrier.release("N-000001")
    assert carrier.faults() == [Fault.PENDING]


def test_a_release_whose_caller_has_hung_up_is_dropped(
    carrier: Carrier, clock: ManualClock
) -> None:
    carrier.buy(STOCK, tag="rf1/a")
    with pytest.raises(CarrierTimeout):
        carrier.release("N-000001", deadline=clock.boottime())
    assert len(carrier.owned()) == 1


def test_a_file_from_before_numbers_could_be_given_back_is_brought_up_to_date(
    carrier: Carrier, path: Path
) -> None:
    carrier.buy(STOCK, tag="rf1/a")
    before = carrier.statement()
    carrier.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE releases")
        db.execute("PRAGMA user_version = 1")
    with closing(Carrier(path, ManualClock())) as later:
        assert later.statement() == before
        later.release("N-000001")
        later.reset()
        assert (later.owned(), later.releases()) == ([], [])


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE something (else_ TEXT)")


def newer(path: Path) -> None:
    with closing(Carrier(path, ManualClock())) as carrier:
        carrier.now()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {books.VERSION + 1}")


def seeded(path: Path) -> None:
    with closing(Carrier(path, ManualClock(), seed=7)) as carrier:
        carrier.now()


def damaged(path: Path) -> None:
    with closing(Carrier(path, ManualClock())) as carrier:
        carrier.now()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\x00" * 8192 + whole[12288:])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_text("dear diary, " * 500),
        lambda path: path.touch(),
        lambda path: path.mkdir(),
        foreign,
        newer,
        seeded,
        damaged,
    ],
    ids=["text", "empty", "folder", "foreign", "newer", "another seed", "damaged"],
)
def test_a_file_that_is_not_the_carrier_s_is_left_alone_and_named(
    carrier: Carrier, path: Path, spoil: Callable[[Path], object]
) -> None:
    path.parent.mkdir()
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(ConfigurationError, match=r"carrier\.db") as caught:
        carrier.search(Wish(country="US"))
    assert "Tell the person" in caught.value.remedy
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_folder_that_cannot_be_made_is_a_matter_of_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        Carrier(tmp_path / "file" / "carrier.db", ManualClock()).now()


def test_a_file_that_stays_locked_is_unavailable(
    carrier: Carrier, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "BUSY_SECONDS", 0)
    carrier.now()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CarrierError, match="503"):
            carrier.buy(STOCK, tag="rf1/a")
        other.execute("ROLLBACK")
    assert carrier.charges() == []


# Several threads, several processes, and sudden death.


def test_threads_that_race_for_one_number_buy_it_once(carrier: Carrier) -> None:
    answers: list[str] = []
    start = Barrier(8)

    def buy() -> None:
        start.wait(timeout=10)
        try:
            answers.append(carrier.buy(STOCK, tag="rf1/a").state)
        except CarrierError as error:
            answers.append(error.code)

    threads = [Thread(target=buy) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(answers) == ["already_owned"] * 7 + ["success"]
    assert len(carrier.charges()) == 1


PREAMBLE = """
import os, signal, sys
from pathlib import Path
from ringfence.clock import ManualClock
from ringfence.sandbox import holds
from ringfence.sandbox.carrier import Carrier
from ringfence.sandbox.trouble import CarrierError

carrier = Carrier(Path(sys.argv[1]), ManualClock())
"""

RACER = """
print("ready", flush=True)
sys.stdin.readline()
try:
    print(carrier.buy("S-14155550142", tag=sys.argv[2]).state)
except CarrierError as error:
    print(error.code)
"""

KILLED_AFTER_THE_COMMIT = """
carrier.buy("S-14155550142", tag="rf1/a")
os.kill(os.getpid(), signal.SIGKILL)
"""

KILLED_BEFORE_THE_COMMIT = """
holds.drop_taken = lambda db: os.kill(os.getpid(), signal.SIGKILL)
carrier.buy("S-14155550142", tag="rf1/a")
"""


def process(script: str, path: Path, *arguments: str) -> subprocess.Popen[str]:
    [package] = ringfence.__path__
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + script, str(path), *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(package).parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_processes_that_race_for_one_number_in_a_new_file_buy_it_once(
    carrier: Carrier, path: Path
) -> None:
    racers = [process(RACER, path, f"rf1/{each}") for each in range(3)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    answers = [racer.communicate(timeout=60)[0].strip() for racer in racers]
    assert sorted(answers) == ["already_owned", "already_owned", "success"]
    [charge] = carrier.charges()
    assert charge.tag == f"rf1/{answers.index('success')}"
    assert not list(path.parent.glob(".*"))  # no draft is left behind


@pytest.mark.parametrize(
    ("script", "charges"), [(KILLED_AFTER_THE_COMMIT, 1), (KILLED_BEFORE_THE_COMMIT, 0)]
)
def test_a_charge_outlives_kill_9_and_comes_with_its_number_or_not_at_all(
    carrier: Carrier, path: Path, script: str, charges: int
) -> None:
    with process(script, path) as child:
        child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    assert len(carrier.charges()) == len(carrier.owned()) == len(carrier.orders()) == charges
    assert (NUMBER in numbers_on_sale(carrier)) == (charges == 0)
