-- The carrier's books. Moments are microseconds since 1970 UTC, amounts micro-units of the currency.

CREATE TABLE carrier (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seed INTEGER NOT NULL,
    offset_micros INTEGER NOT NULL   -- how far the carrier's clock is ahead of the machine's
) STRICT;

CREATE TABLE stock (
    stock_id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    country TEXT NOT NULL,
    national TEXT NOT NULL,
    area_code TEXT,
    type TEXT NOT NULL,
    raw_type TEXT NOT NULL,
    abilities TEXT NOT NULL,
    locality TEXT,
    region TEXT,
    currency TEXT,
    setup_micros INTEGER,
    monthly_micros INTEGER,
    papers TEXT NOT NULL,
    buyable TEXT NOT NULL,
    reservable INTEGER NOT NULL CHECK (reservable IN (0, 1)),
    sold_elsewhere INTEGER NOT NULL CHECK (sold_elsewhere IN (0, 1)),
    CHECK ((currency IS NULL) = (setup_micros IS NULL) AND (currency IS NULL) = (monthly_micros IS NULL))
) STRICT;

CREATE INDEX stock_country ON stock (country);

CREATE TABLE holds (
    hold_id INTEGER PRIMARY KEY AUTOINCREMENT,
    stock_id TEXT NOT NULL UNIQUE REFERENCES stock,
    expires_micros INTEGER NOT NULL
) STRICT;

CREATE TABLE orders (
    order_id INTEGER PRIMARY KEY AUTOINCREMENT,
    stock_id TEXT NOT NULL UNIQUE REFERENCES stock,   -- a number is sold once
    tag TEXT NOT NULL,
    paid_currency TEXT NOT NULL,
    paid_setup_micros INTEGER NOT NULL,
    paid_monthly_micros INTEGER NOT NULL,
    placed_micros INTEGER NOT NULL,
    due_micros INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'success'))
) STRICT;

CREATE VIEW on_sale AS
SELECT * FROM stock WHERE NOT sold_elsewhere AND stock_id NOT IN (SELECT stock_id FROM orders);

CREATE TABLE owned (
    number_id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id INTEGER NOT NULL UNIQUE REFERENCES orders,
    bought_micros INTEGER NOT NULL,
    voice_url TEXT,
    sms_url TEXT
) STRICT;

CREATE TABLE releases (   -- a row for good: a number that was given back is not sold again
    number_id INTEGER PRIMARY KEY REFERENCES owned,
    released_micros INTEGER NOT NULL
) STRICT;

CREATE TABLE charges (
    charge_id INTEGER PRIMARY KEY AUTOINCREMENT,
    number TEXT NOT NULL,
    paid_currency TEXT NOT NULL,
    paid_setup_micros INTEGER NOT NULL,
    paid_monthly_micros INTEGER NOT NULL,
    tag TEXT NOT NULL,
    charged_micros INTEGER NOT NULL
) STRICT;

CREATE TRIGGER charges_never_change BEFORE UPDATE ON charges
BEGIN SELECT RAISE (ABORT, 'a charge is never changed'); END;

CREATE TRIGGER charges_never_go BEFORE DELETE ON charges
BEGIN SELECT RAISE (ABORT, 'a charge is never forgotten'); END;

CREATE TABLE faults (
    fault_id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL
) STRICT;
