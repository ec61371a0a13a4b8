"""What the guard never breaks: each invariant by its name, the tests that hold it, and what is not built yet.

A test stands here only where it would fail if the invariant were broken. What is missing is said, with its reason;
an invariant with nothing under it would be a promise that nobody keeps.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Invariant:
    """One promise, and what holds it."""

    says: str
    tests: tuple[str, ...] = ()
    """`path below tests::name of the test`."""
    not_built: str = ""
    """The part that no test holds yet because it is not built, and what it waits for."""


STATEFUL = "guard/test_stateful_guard.py::test_no_order_of_events_breaks_the_money_core"
SIGNATURES = "signed approvals come with approvers; until then live mode refuses every purchase"

INVARIANTS: dict[str, Invariant] = {
    "INV-BUDGET": Invariant(
        "For every budget and at every instant, used and held are within the limit of the window.",
        (
            STATEFUL,
            "guard/test_decision.py::test_a_wish_is_refused_by_exactly_the_budgets_that_it_would_exceed",
            "guard/test_decision.py::test_a_budget_may_be_used_up_to_the_last_micro_unit",
            "desk/test_buying.py::test_a_tightened_policy_stops_what_was_approved_under_the_old_one",
            "guard/test_races.py::test_eight_processes_race_for_the_edge_of_every_budget",
            "store/test_contract.py::test_many_threads_never_pass_a_limit_and_lose_nothing",
            "store/test_contract.py::test_a_balance_moves_only_within_its_limit",
        ),
    ),
    "INV-ONE-CHARGE": Invariant(
        "A line of an intent leads to at most one charge.",
        (
            STATEFUL,
            "architecture/test_paid_call_site.py::test_it_calls_once_outside_any_loop_and_cannot_be_cancelled_midway",
            "protocol_model/test_protocol_model.py::test_with_all_rules_nothing_bad_can_happen_at_any_carrier",
            "desk/test_buying.py::test_approving_twice_buys_once",
            "providers/test_contract.py::test_a_used_ticket_sends_nothing",
            "guard/test_kill.py::test_a_process_killed_at_any_point_leaves_one_charge_and_one_record",
            "guard/test_kill.py::test_a_process_killed_under_any_fault_leaves_one_charge_and_one_record",
            "guard/test_late_answers.py::test_a_sender_that_slept_finds_its_ticket_dead",
        ),
    ),
    "INV-HOLD-COVERS": Invariant(
        "Nothing is sent without a pending hold, and none is given back while a charge may still land.",
        (
            STATEFUL,
            "protocol_model/test_protocol_model.py::test_with_all_rules_nothing_bad_can_happen_at_any_carrier",
            "protocol_model/test_protocol_model.py::test_without_any_one_rule_harm_is_done_at_every_carrier",
            "nouns/test_states.py::test_nothing_that_may_have_been_sent_is_voided",
            "guard/test_kill.py::test_a_process_killed_at_any_point_leaves_one_charge_and_one_record",
            "guard/test_late_answers.py::test_nobody_gives_up_a_sender_whose_ticket_may_be_alive",
        ),
    ),
    "INV-NO-SELF": Invariant(
        "In live mode no sequence of MCP messages approves, loosens a budget, makes a mandate or unfreezes.",
        (
            "architecture/test_no_parameter_could_approve.py::test_no_argument_of_a_tool_could_be_taken_for_consent",
            "architecture/test_no_parameter_could_approve.py::test_no_tool_calls_what_consents",
            "architecture/test_no_parameter_could_approve.py::test_the_code_base_has_no_switch_that_goes_round_the_guard",
            "server/test_consent.py::test_no_client_is_asked_where_its_answer_is_not_enough",
            "server/test_purchase_over_mcp.py::test_a_client_that_says_yes_to_everything_buys_nothing",
            "server/test_release_over_mcp.py::test_a_client_that_says_yes_to_everything_gives_nothing_back",
            "approvals/test_url_elicitation.py::test_nothing_that_an_accepting_client_says_approves",
        ),
        not_built="enrolment and mandates do not exist yet, so nothing can be tried against them",
    ),
    "INV-EVIDENCE": Invariant(
        "Everything captured has exactly one approval or mandate whose signature verifies today.",
        (
            STATEFUL,
            "desk/test_buying.py::test_consent_to_another_digest_approves_nothing",
            "desk/test_buying.py::test_consent_that_is_too_weak_approves_nothing",
            "audit/test_evidence.py::test_a_third_party_can_derive_who_approved_what",
            "audit/test_evidence.py::test_every_field_that_is_changed_is_refused",
            "audit/test_verifier.py::test_a_passkey_is_judged_as_the_library_judges_it",
        ),
    ),
    "INV-DIGEST": Invariant(
        "What is approved is what is sent and what was shown, to the last field.",
        (
            STATEFUL,
            "nouns/test_intents.py::test_any_change_of_any_field_changes_the_digest",
            "nouns/test_intents.py::test_the_digest_is_the_same_after_the_terms_were_stored_and_read_again",
            "desk/test_buying.py::test_consent_to_another_digest_approves_nothing",
            "providers/test_contract.py::test_a_request_is_a_pure_function_of_the_line_and_its_tag",
            "providers/test_contract.py::test_a_ticket_for_another_request_sends_nothing",
        ),
    ),
    "INV-SINGLE-USE": Invariant(
        "An approval is used at most once, and so is a nonce, a ticket, and a form.",
        (
            "nouns/test_ticket.py::test_a_ticket_lets_its_request_out_once",
            "desk/test_buying.py::test_approving_twice_buys_once",
            "approvals/test_page.py::test_the_desk_takes_no_nonce_twice",
            "approvals/test_page.py::test_two_forms_of_one_intent_make_one_decision",
            "store/test_page_rows.py::test_a_nonce_works_once_however_many_try",
        ),
        not_built=f"the nonces in signed statements: {SIGNATURES}",
    ),
    "INV-EXPIRY": Invariant(
        "Nothing expired is honoured, whichever way a clock moves.",
        (
            STATEFUL,
            "desk/test_buying.py::test_consent_ends_with_its_time",
            "desk/test_buying.py::test_consent_that_was_given_but_not_used_in_time_is_worth_nothing",
            "nouns/test_ticket.py::test_a_ticket_dies_at_the_end_of_its_life",
            "nouns/test_ticket.py::test_a_dead_ticket_stays_dead_when_the_calendar_is_set_back",
            "nouns/test_policy.py::test_a_rate_is_good_from_its_day_until_it_is_stale",
            "store/test_contract.py::test_time_never_runs_backward_in_the_records",
        ),
    ),
    "INV-CAP-PRICE": Invariant(
        "No price component is posted above what was approved, and the currency is the same.",
        (
            "nouns/test_offers.py::test_no_dearer_means_the_same_currency_and_no_component_higher",
            "desk/test_buying.py::test_a_number_that_grew_dearer_after_consent_is_not_bought",
            "desk/test_outcomes.py::test_a_charge_above_what_was_approved_freezes_and_waits_for_a_person",
            "providers/test_contract.py::test_a_purchase_dearer_than_approved_is_for_a_person_to_judge",
            "guard/test_late_answers.py::test_a_dearer_yes_that_comes_late_is_left_to_a_person",
        ),
    ),
    "INV-MONEY-INT": Invariant(
        "No float enters a money path, and conversions round up.",
        (
            "architecture/test_no_floats_in_money.py::test_the_modules_that_money_passes_through_hold_no_float",
            "architecture/test_no_floats_in_money.py::test_no_field_of_a_stored_document_is_a_float",
            "values/test_money.py::test_no_float_becomes_money_in_any_way",
            "values/test_money.py::test_a_conversion_is_never_below_the_exact_amount_nor_a_micro_unit_above",
            "nouns/test_intents.py::test_terms_hold_no_number_that_canonical_json_could_round",
        ),
    ),
    "INV-CURRENCY": Invariant(
        "Two currencies are never added, and a conversion cites a signed, fresh rate.",
        (
            "values/test_money.py::test_two_currencies_are_never_added_or_compared",
            "nouns/test_policy.py::test_a_rate_works_in_one_direction_and_none_is_derived",
            "guard/test_decision.py::test_another_currency_is_held_with_its_rate_and_haircut_rounded_up",
            "guard/test_budget_fold.py::test_an_entry_is_converted_by_the_rates_of_its_own_policy",
        ),
        not_built=f"the signature of a rate: {SIGNATURES}",
    ),
    "INV-CONSERVE": Invariant(
        "Every hold that is over was posted or given back, to its whole amount.",
        (
            STATEFUL,
            "guard/test_budget_fold.py::test_every_hold_of_a_line_that_is_over_has_been_posted_or_given_back",
            "guard/test_budget_fold.py::test_what_was_charged_is_posted_and_the_rest_of_the_hold_given_back",
        ),
    ),
    "INV-REPLAY": Invariant(
        "Folding the ledger from its first entry gives the balances of the tables.",
        (
            STATEFUL,
            "guard/test_budget_fold.py::test_any_history_folds_to_what_its_outcomes_say",
            "cli/test_books.py::test_the_books_are_proved_after_a_purchase",
            "cli/test_books.py::test_a_balance_that_was_tampered_with_is_found",
            "audit/test_tampering.py::test_what_was_changed_beside_the_chain_is_found_and_named",
        ),
    ),
    "INV-APPEND": Invariant(
        "No row of the ledger or of the audit chain is ever changed or deleted.",
        (
            "store/test_append_only.py::test_the_database_itself_refuses_to_change_or_delete_a_row",
            "cli/test_books.py::test_an_event_that_was_edited_is_found",
            "store/test_contract.py::test_history_is_only_ever_added_to",
            "audit/test_tampering.py::test_what_was_changed_beside_the_chain_is_found_and_named",
        ),
    ),
    "INV-CHAIN": Invariant(
        "The audit chain verifies from end to end, and extends every head that was signed.",
        (
            STATEFUL,
            "cli/test_books.py::test_an_event_that_was_edited_is_found",
            "store/test_contract.py::test_a_changed_history_is_noticed",
            "audit/test_tampering.py::test_a_changed_history_is_found",
            "audit/test_checkpoints.py::test_where_none_can_be_written_nothing_is_sent",
        ),
    ),
    "INV-UNKNOWN-STICKY": Invariant(
        "What is unknown is never sent again, nor given up before quarantine and two negative looks.",
        (
            STATEFUL,
            "nouns/test_states.py::test_an_unknown_line_is_never_sent_again",
            "desk/test_outcomes.py::test_an_unknown_purchase_is_never_sent_again",
            "desk/test_outcomes.py::test_what_was_never_charged_counts_as_failed_after_quarantine_and_two_looks",
            "desk/test_releasing.py::test_a_release_that_was_not_carried_out_fails_after_two_looks_and_is_not_sent_again",
            "providers/test_contract.py::test_the_quarantine_outlasts_ticket_and_read_time_out",
            "guard/test_late_answers.py::test_any_other_answer_that_comes_late_decides_nothing",
        ),
    ),
    "INV-DEFINITIVE": Invariant(
        "Only a definite no that is in a carrier's table counts as failed; the rest is unknown.",
        (
            "providers/test_sandbox.py::test_an_answer_that_is_in_no_table_is_unknown",
            "providers/test_contract.py::test_what_goes_wrong_is_an_outcome_and_never_an_exception",
            "desk/test_outcomes.py::test_a_time_out_is_neither_yes_nor_no",
            "guard/test_late_answers.py::test_a_yes_after_a_line_was_written_off_is_recorded_and_freezes",
        ),
    ),
    "INV-MANDATE": Invariant(
        "What is drawn on a mandate stays within its caps, time, subject and scope.",
        not_built="mandates are not built; a budget may be scoped to one, and then counts nothing",
    ),
    "INV-RUNRATE": Invariant(
        "Run-rate is what all our numbers cost a month, and only a confirmed release lowers it.",
        (
            "guard/test_budget_fold.py::test_renewals_are_cash_and_what_is_ours_is_run_rate_and_count",
            "guard/test_budget_fold.py::test_a_release_frees_run_rate_and_count_and_gives_no_cash_back",
            "desk/test_reconciling.py::test_a_number_that_nobody_here_bought_is_counted_and_freezes",
            "desk/test_reconciling.py::test_a_number_that_the_carrier_lists_no_longer_is_lost_and_still_counts",
            "desk/test_releasing.py::test_a_number_counts_and_renews_until_its_release_is_confirmed",
            "desk/test_releasing.py::test_a_released_number_stops_counting_where_it_began_to_whomever_it_serves_since",
            "desk/test_releasing.py::test_a_released_number_in_another_currency_takes_off_exactly_what_it_put_on",
        ),
    ),
    "INV-FAIL-CLOSED": Invariant(
        "Missing, unreadable or stale authority refuses, and so does an unreachable database.",
        (
            "guard/test_decision.py::test_a_rule_that_is_broken_alone_is_the_only_one_named_with_all_it_knows",
            "guard/test_decision.py::test_a_required_budget_that_is_absent_or_scoped_refuses",
            "guard/test_decision.py::test_a_per_number_limit_without_a_rate_refuses_whichever_of_the_three_it_is",
            "guard/test_budget_fold.py::test_a_missing_rate_stops_the_fold_and_is_never_taken_for_zero",
            "nouns/test_policy.py::test_a_policy_that_is_wrong_anywhere_is_not_read",
            "nouns/test_policy.py::test_everything_that_is_authority_must_be_said",
            "cli/test_storage.py::test_a_disk_that_is_full_ends_with_5",
            "cli/test_storage.py::test_a_damaged_carrier_is_not_taken_for_an_empty_one",
            "store/test_embedded.py::test_a_full_disk_is_unavailable_and_changes_nothing",
            "store/test_embedded.py::test_a_damaged_file_is_never_written_over",
        ),
        not_built=f"unsigned authority in live mode: {SIGNATURES}",
    ),
    "INV-TIGHTEN": Invariant(
        "A policy that nobody signed can only make the guard stricter.",
        (
            "guard/test_decision.py::test_tightening_a_limit_or_using_more_never_turns_a_no_into_a_yes",
            "guard/test_policy_diff.py::test_what_tightens_never_turns_a_no_into_a_yes",
            "cli/test_assistants.py::test_a_live_register_is_for_approvers_alone",
        ),
        not_built=f"signing what loosens: {SIGNATURES}",
    ),
    "INV-FREEZE": Invariant(
        "While frozen, no request to a paid endpoint leaves.",
        (
            STATEFUL,
            "desk/test_buying.py::test_while_spending_is_frozen_nothing_is_asked_for_or_approved",
            "desk/test_buying.py::test_what_was_approved_before_a_freeze_waits_for_the_thaw",
            "desk/test_releasing.py::test_while_spending_is_frozen_nothing_is_given_back",
            "guard/test_decision.py::test_freeze_stop_pending_and_carrier_rules_bind_every_operation",
            "store/test_contract.py::test_a_freeze_meanwhile_makes_a_running_decision_start_anew",
        ),
    ),
    "INV-CHOKE": Invariant(
        "One function can call a paid endpoint, with a ticket that only the claim mints.",
        (
            "architecture/test_paid_call_site.py::test_exactly_one_function_calls_a_carrier_s_paid_endpoint",
            "architecture/test_paid_call_site.py::test_tickets_and_grants_are_minted_in_the_guard_alone",
            "architecture/test_paid_call_site.py::test_nothing_is_minted_before_the_claim_has_been_committed",
            "architecture/test_paid_call_site.py::test_every_adapter_redeems_the_ticket_before_it_sends",
            "nouns/test_ticket.py::test_nothing_is_minted_without_the_seal",
            "nouns/test_ticket.py::test_neither_is_copied_or_stored",
            "providers/test_contract.py::test_a_dead_ticket_sends_nothing",
            "providers/test_contract.py::test_a_ticket_for_another_host_sends_nothing",
            "providers/test_contract.py::test_a_dead_ticket_gives_nothing_back",
            "providers/test_contract.py::test_a_ticket_for_another_release_or_for_a_purchase_gives_nothing_back",
            "providers/test_contract.py::test_a_purchase_is_not_sent_as_a_release_nor_a_release_as_a_purchase",
        ),
    ),
    "INV-NO-SECRET-OUT": Invariant(
        "No result, log, event, address or error holds a credential, a nonce, a key or a passphrase.",
        (
            "tools/test_parsing.py::test_an_unknown_argument_gets_a_suggestion_and_its_value_is_never_repeated",
            "cli/test_settings.py::test_the_databases_address_is_never_shown",
            "cli/test_settings.py::test_an_unknown_variable_stops_the_start_and_its_value_is_not_repeated",
        ),
        not_built="carriers' keys and approvers' passphrases, which no code holds yet",
    ),
    "INV-CARD": Invariant(
        "The card says everything that is approved, and is a pure function of the intent.",
        (
            "guard/test_card.py::test_a_purchase_reads_in_a_fixed_order_and_ends_with_what_the_assistant_says",
            "guard/test_card.py::test_the_budgets_on_the_card_hold_this_purchase_and_what_was_bought_before",
            "guard/test_card.py::test_a_card_that_would_show_another_number_is_never_made",
            "guard/test_card.py::test_the_card_of_a_release_says_what_is_lost_what_ends_and_what_is_left",
        ),
    ),
    "INV-TEXT": Invariant(
        "Text from outside is cut, fenced, spelt out, and never stands before the facts.",
        (
            "guard/test_card.py::test_text_from_outside_is_folded_and_what_cannot_be_seen_is_spelt_out",
            "guard/test_card.py::test_text_from_outside_is_cut",
            "guard/test_card.py::test_an_assistant_cannot_write_a_line_that_looks_like_the_cards_own",
            "approvals/test_page.py::test_an_assistants_words_stay_words",
        ),
    ),
    "INV-DENY": Invariant(
        "A person's no is final for its intent and reduces what may be asked next.",
        (
            "desk/test_pressure.py::test_a_persons_no_is_final_and_frees_the_budget",
            "desk/test_pressure.py::test_stop_closes_requester_and_operation_for_a_quarter_of_an_hour",
            "desk/test_pressure.py::test_withdrawing_and_asking_again_does_not_lift_a_stop",
            "guard/test_decision.py::test_a_stop_ends_at_its_time",
        ),
    ),
    "INV-PENDING-CAP": Invariant(
        "Only so many intents of one requester wait at once.",
        (
            "desk/test_pressure.py::test_five_purchases_of_one_requester_may_wait_and_no_more",
            "guard/test_decision.py::test_as_many_may_wait_as_the_policy_says",
        ),
    ),
    "INV-BATCH": Invariant(
        "Consent to several numbers binds the total and each; each is sent and settled alone.",
        (
            "desk/test_buying.py::test_two_numbers_make_one_intent_and_two_purchases",
            "desk/test_outcomes.py::test_each_number_of_a_purchase_has_an_outcome_of_its_own",
            "guard/test_decision.py::test_lines_are_judged_together",
            "nouns/test_states.py::test_the_table_of_intents_allows_just_what_their_lines_can_say",
        ),
    ),
    "INV-PRINCIPAL": Invariant(
        "Nobody reads, withdraws or drives another's intent by knowing its id.",
        (
            "desk/test_buying.py::test_an_intent_is_shown_to_its_requester_alone",
            "desk/test_searching.py::test_an_offer_belongs_to_the_principal_who_saw_it",
            "desk/test_reserving.py::test_nobody_gives_back_what_somebody_else_reserved",
            "desk/test_repeats.py::test_a_key_does_not_open_somebody_elses_offer",
            "desk/test_pressure.py::test_a_client_says_no_to_its_own_intents_only",
            "desk/test_releasing.py::test_only_its_requester_can_withdraw_it",
        ),
    ),
    "INV-DURABLE": Invariant(
        "What was reported as done is not lost by a kill or a power cut.",
        (
            STATEFUL,
            "cli/test_keeping.py::test_settle_finishes_what_a_dead_process_began",
            "guard/test_kill.py::test_a_process_killed_at_any_point_leaves_one_charge_and_one_record",
            "store/test_embedded.py::test_a_power_cut_loses_nothing_that_was_reported",
        ),
    ),
    "INV-LIVENESS": Invariant(
        "Whatever was sent comes to an end in bounded time, and no hold leaks.",
        (
            STATEFUL,
            "nouns/test_states.py::test_from_every_state_an_end_can_be_reached",
            "protocol_model/test_protocol_model.py::test_with_all_rules_nothing_bad_can_happen_at_any_carrier",
            "guard/test_kill.py::test_what_was_charged_before_a_process_was_killed_is_found_within_its_quarantine",
            "guard/test_kill.py::test_a_request_that_had_not_left_when_its_process_was_killed_fails_and_is_not_sent",
            "guard/test_kill.py::test_a_process_killed_at_any_point_of_a_release_leaves_the_number_gone_or_active",
        ),
    ),
    "INV-RENEWAL": Invariant(
        "The renewals of what we own are in the cash windows before a purchase is judged.",
        (
            STATEFUL,
            "guard/test_budget_fold.py::test_a_renewal_counts_in_its_month_in_every_zone_on_earth",
            "desk/test_reconciling.py::test_a_strangers_renewals_count_from_the_next_month_on",
            "desk/test_renewals.py::test_renewals_leave_less_for_new_purchases",
        ),
    ),
    "INV-EXPLAIN": Invariant(
        "Every refusal names the rule, the limit, the amount, and what a person can do.",
        (
            "guard/test_decision.py::test_its_refusal_is_of_the_right_class_and_says_rule_limit_amount_and_way_out",
            "guard/test_decision.py::test_every_rule_of_the_guard_stands_in_the_table_above",
            "values/test_errors.py::test_every_error_is_told_with_its_code_and_a_way_out",
            "values/test_errors.py::test_what_the_guard_refuses_is_never_said_to_be_worth_a_retry",
            "desk/test_buying.py::test_a_refusal_names_budget_limit_and_amount_and_is_kept",
        ),
    ),
}
