"""The guard's checks, each taken away once: what the code says, what it would say without, and who notices.

The old text stands exactly once in its file. The test is the one that holds this check; it fails without it. What is
here is real code, so a change of a check changes its line here as well: the runner says so.
"""

from __future__ import annotations

from dataclasses import dataclass

CORE = "core/ringfence"
PAGE = "server/ringfence_server/approvals"


@dataclass(frozen=True)
class Mutant:
    """One check that is gone."""

    name: str
    """What is no longer checked."""
    path: str
    old: str
    new: str
    test: str
    """`path below tests::name of the test`, with its case where the others take long."""
    is_quick: bool = False
    """Whether it is tried with every change, to see that trying works."""


def decision(name: str, old: str, new: str, test: str, *, quick: bool = False) -> Mutant:
    return Mutant(name, f"{CORE}/guard/decision.py", old, new, test, quick)


def guard(name: str, module: str, old: str, new: str, test: str, *, quick: bool = False) -> Mutant:
    return Mutant(name, f"{CORE}/guard/{module}.py", old, new, test, quick)


DECISION = "guard/test_decision.py::"
SIGNED = "guard/test_signed_consent.py::"
LIVE = "guard/test_live.py::"
LISTS = "guard/test_carrier_lists.py::"
CHAIN = "guard/test_authority.py::"
SOUND = "guard/test_soundness.py::"
TAMPERED = "guard/test_tampered_intent.py::"
PUBLIC = "approvals/test_public.py::"
BUYING = "desk/test_buying.py::"
OUTCOMES = "desk/test_outcomes.py::"
ALONE = f"{DECISION}test_a_rule_that_is_broken_alone_is_the_only_one_named_with_all_it_knows"

MUTANTS: tuple[Mutant, ...] = (
    # What decide judges.
    decision(
        "decide: the freeze",
        "if snapshot.frozen is not None:",
        "if False:",
        ALONE,
    ),
    decision(
        "decide: a policy that nobody stands for",
        "if snapshot.unsound_policy is not None:",
        "if False:",
        ALONE,
    ),
    decision(
        "decide: a person's stop",
        "if until is not None and now < until and not wish.is_held:",
        "if False:",
        "desk/test_pressure.py::test_stop_closes_requester_and_operation_for_a_quarter_of_an_hour",
    ),
    decision(
        "decide: consent that nobody could give",
        "if strongest is None or needed.strength > strongest.strength:",
        "if False:",
        f"{SIGNED}test_nothing_is_asked_for_that_nobody_could_sign",
    ),
    decision(
        "decide: the cap of what waits",
        "snapshot.pending_intents >= rules.pending_per_requester",
        "snapshot.pending_intents > rules.pending_per_requester",
        f"{DECISION}test_as_many_may_wait_as_the_policy_says",
    ),
    decision(
        "decide: the carrier's host",
        "if allowed is None or allowed.host != line.host:",
        "if allowed is None:",
        ALONE,
    ),
    decision(
        "decide: a price that is unknown",
        'yield Violation(rule="price_known", requested=line.number)',
        "pass",
        ALONE,
    ),
    decision(
        "decide: what others hold",
        "if balance.held + used + on_top > limit:",
        "if used + on_top > limit:",
        f"{DECISION}test_a_wish_is_refused_by_exactly_the_budgets_that_it_would_exceed",
    ),
    Mutant(
        "rates: how old one is",
        f"{CORE}/policy.py",
        "rate is not None and rate.is_fresh(now)",
        "rate is not None",
        "nouns/test_policy.py::test_a_rate_is_good_from_its_day_until_it_is_stale",
    ),
    # Conditional updates.
    Mutant(
        "store: a balance within its limit",
        f"{CORE}/store/balances.py",
        "_MOVE_WITHIN if is_limited else _MOVE",
        "_MOVE",
        "store/test_contract.py::test_a_balance_moves_only_within_its_limit",
    ),
    Mutant(
        "store: a decision beside a change of policy or freeze",
        f"{CORE}/store/audit.py",
        "if (head.policy_version, head.frozen) != (tx.policy_version, tx.frozen):",
        "if False:",
        "store/test_contract.py::test_a_freeze_meanwhile_makes_a_running_decision_start_anew",
    ),
    Mutant(
        "store: a line that has changed since it was read",
        f"{CORE}/store/intents.py",
        "            table.version == line.version,\n",
        "",
        "guard/test_conditional.py::test_a_line_is_changed_once_by_those_who_read_it_alike",
    ),
    Mutant(
        "store: an intent that has moved since it was read",
        f"{CORE}/store/intents.py",
        ".where(table.intent_id == intent.intent_id, table.state == intent.state.value)",
        ".where(table.intent_id == intent.intent_id)",
        "guard/test_conditional.py::test_an_intent_is_moved_once_by_those_who_read_it_alike",
    ),
    Mutant(
        "store: a row that contradicts its terms",
        f"{CORE}/store/intents.py",
        "if (row.intent_id, row.principal, row.op, row.assistant_id, row.created_at) != said:",
        "if False:",
        f"{TAMPERED}test_a_purchase_with_one_column_changed_is_refused[intent.principal]",
    ),
    # Consent.
    guard(
        "consent: the digest of the terms",
        "consent",
        'is_same = statement.body.get("digest") == intent.digest == digest_of(intent.terms)',
        "is_same = True",
        f"{SIGNED}test_a_statement_about_anything_else_approves_nothing",
    ),
    guard(
        "consent: the bytes of the terms",
        "approval",
        "return stored == intent.digest == digest_of(intent.terms)",
        "return True",
        f"{TAMPERED}test_a_purchase_with_any_key_of_a_stored_document_changed_is_refused[intent-left out]",
    ),
    guard(
        "consent: how strong it is",
        "approval",
        "if evidence.level.strength < needed.strength:",
        "if False:",
        f"{BUYING}test_consent_that_is_too_weak_approves_nothing",
    ),
    guard(
        "consent: how strong it is now, before the byte",
        "dispatch",
        "if given is None or given.strength < needed.strength:",
        "if given is None:",
        f"{BUYING}test_a_policy_that_asks_for_stronger_consent_voids_the_weaker",
    ),
    guard(
        "live: a client's or a page's yes",
        "approval",
        'if tx.mode == "live" and evidence.level in WEAK_LEVELS:',
        "if False:",
        f"{LIVE}test_neither_client_nor_page_nor_terminal_approves",
    ),
    guard(
        "consent: a row that claims a signature",
        "approval",
        "return level if level in WEAK_LEVELS else None",
        "return level",
        f"{SIGNED}test_an_approval_row_without_a_signature_sends_nothing",
    ),
    guard(
        "statement: its time",
        "consent",
        "if not statement.made_at <= tx.now < statement.expires_at:",
        "if False:",
        f"{TAMPERED}test_a_statement_that_waited_too_long_lifts_no_freeze",
    ),
    guard(
        "statement: its purpose",
        "freeze",
        "if statement.purpose is not Purpose.UNFREEZE or",
        "if",
        f"{TAMPERED}test_a_statement_of_another_purpose_lifts_no_freeze",
    ),
    guard(
        "statement: its installation",
        "consent",
        "    if statement.installation_id != tx.installation_id:",
        "    if False:",
        f"{SIGNED}test_a_statement_about_anything_else_approves_nothing",
    ),
    guard(
        "statement: its nonce",
        "consent",
        "if statements.is_used(tx, statement.nonce):",
        "if False:",
        f"{LIVE}test_a_signature_lifts_one_freeze",
    ),
    guard(
        "statement: the history that it was signed over",
        "consent",
        "    if not _is_history(tx, statement):",
        "    if False:",
        f"{SIGNED}test_a_statement_about_anything_else_approves_nothing",
    ),
    guard(
        "statement: its purpose, in what is hashed",
        "../approvers",
        'purpose.value.encode() + b"\\x00" + encoded',
        "encoded",
        f"{CHAIN}test_every_purpose_hashes_apart",
        quick=True,
    ),
    # Keys.
    guard(
        "authority: a key that was revoked",
        "authority",
        "keys.pop(statement.subject, None) is None",
        "keys.get(statement.subject) is None",
        f"{SIGNED}test_a_key_that_is_revoked_between_consent_and_dispatch_voids_it",
    ),
    guard(
        "authority: two keys of one person",
        "authority",
        "len({key.person for key in used}) > 1",
        "len(used) > 1",
        f"{CHAIN}test_what_keys_prove_together",
        quick=True,
    ),
    guard(
        "authority: the order of the chain",
        "authority",
        'if statement.body.get("before") not in before.heads:',
        "if False:",
        f"{CHAIN}test_a_changed_chain_lets_nobody_sign",
    ),
    guard(
        "authority: the pin",
        "authority",
        "if pinned != fingerprint(bytes.fromhex(key.public_key)):",
        "if False:",
        f"{CHAIN}test_without_its_pin_nobodys_signature_counts",
    ),
    guard(
        "authority: who signed an enrolment",
        "authority",
        "return is_at_least(level_of(signers), needed)",
        "return True",
        f"{CHAIN}test_a_forged_enrolment_adds_nobody",
    ),
    guard(
        "passkey: that the person was verified",
        "signatures",
        "require_user_verification=True",
        "require_user_verification=False",
        f"{SIGNED}test_a_passkeys_answer_that_is_not_for_us_counts_for_nothing",
    ),
    guard(
        "passkey: the counter",
        "signatures",
        "credential_current_sign_count=last_count",
        "credential_current_sign_count=0",
        f"{SIGNED}test_a_copied_authenticator_is_noticed_by_its_counter",
    ),
    guard(
        "passkey: the origin",
        "signatures",
        "expected_origin=key.origin",
        'expected_origin=[key.origin, "https://evil.example"]',
        f"{SIGNED}test_a_passkeys_answer_that_is_not_for_us_counts_for_nothing",
    ),
    # Policy and freeze.
    guard(
        "policy: a version that loosens and that nobody signed",
        "policy_chain",
        "if is_loosening(before.document, policy.document, basis):",
        "if False:",
        f"{TAMPERED}test_a_looser_policy_that_is_written_into_a_live_database_buys_nothing",
    ),
    guard(
        "policy: the hash of a stored version",
        "policy_chain",
        "if policies.document_hash(policy.document) != policy.hash:",
        "if False:",
        f"{TAMPERED}test_a_stored_policy_that_is_not_what_was_signed_buys_nothing",
    ),
    guard(
        "policy: what loosens is signed",
        "policy_change",
        'return tx.mode != "sandbox" and is_loosening(',
        'return tx.mode == "nowhere" and is_loosening(',
        f"{LIVE}test_what_loosens_is_signed_and_what_tightens_is_not",
    ),
    guard(
        "freeze: only an approver lifts it",
        "freeze",
        'if tx.mode != "sandbox":',
        "if False:",
        f"{LIVE}test_only_an_approver_lifts_a_freeze",
    ),
    guard(
        "soundness: before anybody is asked",
        "proposal",
        "    soundness.watch(tx)\n",
        "",
        f"{SOUND}test_rows_that_contradict_the_history_freeze_before_anybody_is_asked"
        "[what was spent is spent no longer]",
    ),
    guard(
        "soundness: before anything is sent",
        "dispatch",
        "    soundness.watch(tx)\n",
        "",
        f"{SOUND}test_rows_that_contradict_the_history_freeze_before_anything_is_sent"
        "[what was spent is spent no longer]",
    ),
    guard(
        "soundness: the freeze",
        "soundness",
        "if tx.frozen != told.frozen:",
        "if False:",
        f"{SOUND}test_a_freeze_that_is_taken_out_of_the_database_is_there_again",
    ),
    guard(
        "soundness: who lifted it",
        "soundness",
        "if told.lifted_at and not _is_lifted_by_an_approver(tx, told):",
        "if False:",
        f"{SOUND}test_an_old_signature_lifts_no_later_freeze",
    ),
    guard(
        "soundness: the policy in force",
        "soundness",
        "if tx.policy_of(version).hash != hash_:",
        "if False:",
        f"{SOUND}test_rows_that_contradict_the_history_freeze_before_anything_is_sent"
        "[a tightening is undone]",
    ),
    guard(
        "soundness: time that has not come",
        "soundness",
        "if tx.head_at > tx.moment + AHEAD:",
        "if False:",
        f"{SOUND}test_rows_that_contradict_the_history_freeze_before_anything_is_sent"
        "[time has passed that has not]",
    ),
    guard(
        "high water: events that nobody noted",
        "high_water",
        "if tx.is_shared:",
        "if True:",
        f"{SOUND}test_an_event_that_nobody_noted_freezes_whatever_else_happens_first",
    ),
    Mutant(
        "high water: what somebody put in between",
        f"{CORE}/store/transaction.py",
        "done.began in {known.before, known.after}",
        "True",
        f"{SOUND}test_an_event_that_nobody_noted_freezes_whatever_else_happens_first",
    ),
    Mutant(
        "store: a clock that only a sandbox moves",
        f"{CORE}/store/transaction.py",
        "seconds=row.clock_offset_seconds if is_sandbox else 0",
        "seconds=row.clock_offset_seconds",
        f"{SOUND}test_an_offset_of_the_clock_is_nothing_to_a_live_installation",
    ),
    guard(
        "high water: an older copy",
        "high_water",
        "if noted.before.seq > head.seq:",
        "if False:",
        f"{LIVE}test_a_restored_copy_freezes_until_an_approver_has_looked",
    ),
    # Before the byte.
    guard(
        "claim: the freeze",
        "dispatch",
        "if tx.frozen is not None:",
        "if False:",
        f"{BUYING}test_what_was_approved_before_a_freeze_waits_for_the_thaw",
    ),
    guard(
        "claim: the price",
        "dispatch",
        "not quote.price.is_no_dearer_than(terms.price)",
        "False",
        f"{BUYING}test_a_number_that_grew_dearer_after_consent_is_not_bought",
    ),
    guard(
        "claim: the policy of now",
        "dispatch",
        "return None if decision.is_allowed else refusal(decision)",
        "return None",
        f"{BUYING}test_a_tightened_policy_stops_what_was_approved_under_the_old_one",
    ),
    guard(
        "claim: the hold",
        "dispatch",
        "or _hold_objection(tx, intent, line)",
        "or None",
        f"{TAMPERED}test_a_line_whose_cost_is_not_set_aside_is_refused",
    ),
    guard(
        "claim: the time of the consent",
        "dispatch",
        "if tx.now >= intent.expires_at:",
        "if False:",
        "guard/test_conditional.py::test_a_line_is_not_claimed_after_its_consent_has_ended",
    ),
    Mutant(
        "ticket: used once",
        f"{CORE}/ticket.py",
        "if self._redeemed:",
        "if False:",
        "nouns/test_ticket.py::test_a_ticket_lets_its_request_out_once",
        is_quick=True,
    ),
    Mutant(
        "ticket: its life",
        f"{CORE}/ticket.py",
        "if self._clock.boottime() >= self._dies_at:",
        "if False:",
        "nouns/test_ticket.py::test_a_ticket_dies_at_the_end_of_its_life",
    ),
    Mutant(
        "ticket: its host",
        f"{CORE}/ticket.py",
        "if (host, request_hash) != (self.host, self.request_hash):",
        "if request_hash != self.request_hash:",
        "providers/test_contract.py::test_a_ticket_for_another_host_sends_nothing",
    ),
    Mutant(
        "ticket: its request",
        f"{CORE}/ticket.py",
        "if (host, request_hash) != (self.host, self.request_hash):",
        "if host != self.host:",
        "providers/test_contract.py::test_a_ticket_for_another_request_sends_nothing",
    ),
    # The rules of dispatch and recovery, without which the model of the protocol does harm (tests/protocol_model).
    guard(
        "protocol: record before sending",
        "dispatch",
        "attempts.add(tx, attempt_id=attempt_id, line_id=line.line_id, request_hash=request_hash)",
        "pass",
        f"{BUYING}test_every_attempt_is_written_down",
    ),
    guard(
        "protocol: a time-out is no failure",
        "settlement",
        "return _doubt(tx, intent, line, outcome.evidence, times)",
        'return _refuse(tx, intent, line, "provider_unavailable")',
        f"{OUTCOMES}test_a_time_out_is_neither_yes_nor_no",
    ),
    guard(
        "protocol: quarantine",
        "settlement",
        "if asked_at < quarantine_ends:",
        "if False:",
        f"{OUTCOMES}test_what_was_never_charged_counts_as_failed_after_quarantine_and_two_looks",
    ),
    guard(
        "protocol: two negative looks",
        "settlement",
        "NEGATIVE_LOOKS = 2",
        "NEGATIVE_LOOKS = 1",
        f"{OUTCOMES}test_what_was_never_charged_counts_as_failed_after_quarantine_and_two_looks",
    ),
    Mutant(
        "protocol: no timer on the hold of what was sent",
        f"{CORE}/states.py",
        "_L.DISPATCHING: frozenset({_L.READY,",
        "_L.DISPATCHING: frozenset({_L.VOIDED, _L.READY,",
        "nouns/test_states.py::test_nothing_that_may_have_been_sent_is_voided",
    ),
    Mutant(
        "protocol: what is unknown is never sent again",
        f"{CORE}/states.py",
        "_L.UNKNOWN: frozenset({",
        "_L.UNKNOWN: frozenset({_L.READY, ",
        "nouns/test_states.py::test_an_unknown_line_is_never_sent_again",
    ),
    guard(
        "protocol: a late answer of another attempt",
        "settlement",
        "if line.attempt_id != attempt_id:",
        "if False:",
        "guard/test_conditional.py::test_an_answer_to_another_attempt_decides_nothing",
    ),
    # The page.
    Mutant(
        "page: the origin of a decision",
        f"{PAGE}/gate.py",
        'if headers.getlist("origin") != [origin.url]:',
        "if False:",
        "approvals/test_gate.py::test_a_decision_without_an_origin_is_refused",
    ),
    Mutant(
        "page: the host",
        f"{PAGE}/gate.py",
        "if hosts == [local.host]:",
        "if True:",
        "approvals/test_gate.py::test_no_route_answers_under_another_name",
    ),
    Mutant(
        "page: what a proxy passes on",
        f"{PAGE}/gate.py",
        "if is_proxied(headers) or",
        "if",
        f"{PUBLIC}test_what_a_proxy_passes_on_is_never_taken_for_the_person_at_this_machine",
    ),
    guard(
        "page: a view is used once",
        "viewing",
        "if not nonces.use(tx, viewing.nonce, until=viewing.expires_at):",
        "if nonces.use(tx, viewing.nonce, until=viewing.expires_at) and False:",
        f"{PUBLIC}test_an_answer_opens_once",
    ),
    guard(
        "policy: a rate within the band of the signed one",
        "policy_diff",
        "<= was * RATE_BAND_PERCENT",
        ">= 0",
        "guard/test_rates.py::test_many_small_steps_never_leave_the_signed_rate",
    ),
    guard(
        "chain: a revoked key that comes back",
        "authority",
        "if key.key_id in revoked:",
        "if False:",
        f"{CHAIN}test_a_revoked_key_never_signs_again",
    ),
    guard(
        "resolve: what may still be carried out",
        "resolution",
        "if tx.now < until:",
        "if False:",
        "guard/test_resolution.py::test_nothing_has_failed_while_it_may_still_be_carried_out",
    ),
    # The carrier's own list before a live purchase.
    guard(
        "claim: the carrier's own list",
        "dispatch",
        "if listing.puts_off(tx, intent, line):",
        "if False:",
        f"{LISTS}test_the_claim_itself_asks_for_a_list",
    ),
    guard(
        "claim: how old the carrier's list is",
        "listing",
        "if not timedelta(0) <= tx.now - last.read_at <= oldest:",
        "if False:",
        f"{LISTS}test_the_claim_itself_asks_for_a_list",
    ),
    guard(
        "claim: a list from before a freeze was lifted",
        "listing",
        "if lifted_at is not None and last.read_at <= lifted_at:",
        "if False:",
        f"{LISTS}test_a_list_that_was_asked_for_before_a_freeze_was_lifted_is_worth_nothing",
    ),
    guard(
        "list: a number that nobody can explain freezes",
        "reconciliation",
        "if strange:",
        "if False:",
        f"{LISTS}test_what_a_restored_database_has_forgotten_is_found_before_anything_is_bought",
    ),
)
