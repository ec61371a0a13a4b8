"""The policies that the stateful test puts in force in turn: tight, loose, in another currency, and of every scope."""

from __future__ import annotations

from functools import cache

from house import policy_with
from ringfence.policy import PolicyDocument

_EURO_RATES = """
- {source: USD, target: EUR, rate: "0.87", as_of: "2026-11-01T00:00:00Z", max_age_days: null}
- {source: GBP, target: EUR, rate: "1.14", as_of: "2026-11-01T00:00:00Z", max_age_days: null}
- {source: CAD, target: EUR, rate: "0.62", as_of: "2026-11-01T00:00:00Z", max_age_days: null}
- {source: AUD, target: EUR, rate: "0.57", as_of: "2026-11-01T00:00:00Z", max_age_days: null}
- {source: JPY, target: EUR, rate: "0.0056", as_of: "2026-11-01T00:00:00Z", max_age_days: null}
"""


@cache
def rulebook() -> tuple[PolicyDocument, ...]:
    """Every policy, the sandbox's own first."""
    return (
        policy_with(),
        policy_with(
            budgets=[
                '{name: cash, kind: cash, window: month, zone: UTC, limit: "6.00 USD"}',
                '{name: run-rate, kind: run_rate, limit: "3.00 USD"}',
                "{name: count, kind: count, limit: 3}",
                "{name: purchases, kind: purchases, window: day, limit: 2}",
                "{name: attempts, kind: attempts, limit: 3}",
            ]
        ),
        policy_with(
            approval_minutes="10",
            pending_per_requester="12",
            budgets=[
                '{name: cash, kind: cash, window: month, zone: UTC, limit: "100.00 USD"}',
                '{name: run-rate, kind: run_rate, limit: "80.00 USD"}',
                "{name: count, kind: count, limit: 40}",
                "{name: purchases, kind: purchases, window: day, limit: 40}",
                "{name: attempts, kind: attempts, limit: 60}",
            ],
        ),
        policy_with(
            currency="EUR",
            rates=_EURO_RATES,
            budgets=[
                '{name: cash, kind: cash, window: month, zone: UTC, limit: "18.00 EUR"}',
                '{name: run-rate, kind: run_rate, limit: "9.00 EUR"}',
                '{name: per-number, kind: per_number, setup: "5.00 EUR", monthly: "5.00 EUR", first_year: "65.00 EUR"}',
            ],
        ),
        policy_with(
            budgets=[
                '{name: british, kind: cash, scope: "country:GB", window: day, limit: "4.00 USD"}',
                '{name: front-desk, kind: count, scope: "assistant:front-desk", limit: 2}',
                '{name: mine, kind: purchases, scope: "requester:local:me", window: month, limit: 4}',
                '{name: local, kind: run_rate, scope: "type:local", limit: "4.00 USD"}',
                '{name: sandbox, kind: attempts, scope: "provider:sandbox", limit: 6}',
            ]
        ),
        policy_with(
            budgets=[
                '{name: cash, kind: cash, window: day, zone: America/Los_Angeles, limit: "7.00 USD"}',
                '{name: yearly, kind: cash, window: year, zone: Pacific/Kiritimati, limit: "70.00 USD"}',
                "{name: purchases, kind: purchases, window: month, zone: Europe/Berlin, limit: 9}",
            ]
        ),
        policy_with(countries="[US, GB]", levels="{buy: page, release: page, assign: page}"),
        policy_with(budgets=["{name: purchases, kind: purchases, window: day, limit: 0}"]),
    )
