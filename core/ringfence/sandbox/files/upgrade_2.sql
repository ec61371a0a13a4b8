-- Numbers can be given back.

CREATE TABLE releases (   -- a row for good: a number that was given back is not sold again
    number_id INTEGER PRIMARY KEY REFERENCES owned,
    released_micros INTEGER NOT NULL
) STRICT;
