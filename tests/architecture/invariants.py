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
            "guard/test_void.py::test_a_tighter_policy_voids_what_it_does_not_allow",
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
            "guard/test_resolution.py::test_nothing_has_failed_while_it_may_still_be_carried_out",
            "guard/test_tampered_intent.py::test_a_line_whose_cost_is_not_set_aside_is_refused",
        ),
    ),
    "INV-NO-SELF": Invariant(
        "In live mode no sequence of MCP messages approves, loosens a budget, makes a mandate or unfreezes.",
        (
            "architecture/test_no_parameter_could_approve.py::test_no_argument_of_a_tool_could_be_taken_for_consent",
            "architecture/test_no_parameter_could_approve.py::test_no_tool_calls_what_consents",
            "architecture/test_no_parameter_could_approve.py::test_no_tool_knows_the_modules_that_change_authority",
            "architecture/test_no_parameter_could_approve.py::test_the_code_base_has_no_switch_that_goes_round_the_guard",
            "server/test_consent.py::test_no_client_is_asked_where_its_answer_is_not_enough",
            "server/test_purchase_over_mcp.py::test_a_client_that_says_yes_to_everything_buys_nothing",
            "server/test_release_over_mcp.py::test_a_client_that_says_yes_to_everything_gives_nothing_back",
            "approvals/test_url_elicitation.py::test_nothing_that_an_accepting_client_says_approves",
            "guard/test_live_fuzz.py::test_no_program_of_tool_calls_approves_or_loosens_anything",
            "approvals/test_public.py::test_a_click_approves_nothing_there_whatever_the_policy_asks_for",
            "approvals/test_public.py::test_what_opens_a_card_approves_nothing_and_what_approves_opens_nothing",
            "approvals/test_public.py::test_what_a_proxy_passes_on_is_never_taken_for_the_person_at_this_machine",
            "approvals/test_passkey.py::test_a_live_page_has_no_button_that_approves_without_a_factor",
            "approvals/test_enrolling.py::test_a_passkey_is_made_compared_vouched_for_and_only_then_one_that_may_sign",
            "approvals/test_enrolling.py::test_after_five_wrong_codes_the_right_one_is_wrong_too",
            "approvals/test_changes_page.py::test_what_is_not_signed_by_an_approver_for_this_changes_nothing",
            "approvals/test_changes_page.py::test_a_stranger_lifts_nothing",
            "cli/test_passkeys.py::test_who_does_not_compare_enrolls_nobody",
        ),
        not_built="mandates do not exist yet, so nothing can be tried against them",
    ),
    "INV-EVIDENCE": Invariant(
        "Everything captured has exactly one approval or mandate whose signature verifies today.",
        (
            STATEFUL,
            "desk/test_buying.py::test_consent_to_another_digest_approves_nothing",
            "desk/test_buying.py::test_consent_that_is_too_weak_approves_nothing",
            "guard/test_resolution.py::test_in_a_live_installation_an_approver_signs_for_it",
            "guard/test_resolution.py::test_the_chain_keeps_who_said_what_and_the_hash_of_their_words",
            "guard/test_tampered_intent.py::test_a_forged_approval_is_refused",
            "guard/test_tampered_intent.py::test_the_signature_of_a_key_that_nobody_enrolled_counts_for_nothing",
            "guard/test_tampered_intent.py::test_the_signature_of_a_revoked_key_counts_for_nothing",
            "guard/test_tampered_intent.py::test_a_weak_approval_that_is_written_into_a_live_database_is_refused",
            "guard/test_signed_consent.py::test_an_approval_row_without_a_signature_sends_nothing",
            "approvals/test_passkey.py::test_an_answer_that_was_not_given_to_this_page_by_a_verified_person_is_refused",
            "approvals/test_passkey.py::test_a_copied_authenticator_is_noticed_by_its_counter",
            "approvals/test_passkey.py::test_an_answer_given_for_another_purpose_is_refused",
            "approvals/test_passkey.py::test_two_passkeys_of_one_person_are_one_person",
            "approvals/test_passkey_browser.py::test_what_a_passkey_signed_for_another_port_of_this_machine_counts_for_nothing",
            "guard/test_signed_consent.py::test_whatever_is_changed_after_the_consent_nothing_is_sent",
            "guard/test_void.py::test_consent_that_does_not_hold_any_more_sends_nothing",
        ),
        not_built="mandates, which would be the other kind of evidence",
    ),
    "INV-DIGEST": Invariant(
        "What is approved is what is sent and what was shown, to the last field.",
        (
            STATEFUL,
            "nouns/test_intents.py::test_any_change_of_any_field_changes_the_digest",
            "nouns/test_intents.py::test_the_digest_is_the_same_after_the_terms_were_stored_and_read_again",
            "desk/test_buying.py::test_consent_to_another_digest_approves_nothing",
            "guard/test_tampered_intent.py::test_a_purchase_with_one_column_changed_is_refused",
            "guard/test_tampered_intent.py::test_a_purchase_with_any_key_of_a_stored_document_changed_is_refused",
            "guard/test_tampered_intent.py::test_what_changes_places_is_refused",
            "providers/test_contract.py::test_a_request_is_a_pure_function_of_the_line_and_its_tag",
            "providers/test_contract.py::test_a_ticket_for_another_request_sends_nothing",
            "approvals/test_passkey.py::test_an_answer_for_one_request_decides_no_other",
            "approvals/test_passkey.py::test_a_card_that_says_something_else_now_asks_for_another_signature",
            "guard/test_void.py::test_what_is_sold_otherwise_than_it_was_approved_is_not_bought",
            "guard/test_void.py::test_a_move_is_void_once_the_number_serves_somebody_else",
        ),
    ),
    "INV-SINGLE-USE": Invariant(
        "An approval is used at most once, and so is a nonce, a ticket, and a form.",
        (
            "approvals/test_public.py::test_an_answer_opens_once",
            "nouns/test_ticket.py::test_a_ticket_lets_its_request_out_once",
            "desk/test_buying.py::test_approving_twice_buys_once",
            "approvals/test_page.py::test_the_desk_takes_no_nonce_twice",
            "approvals/test_page.py::test_two_forms_of_one_intent_make_one_decision",
            "guard/test_withdrawal.py::test_processes_that_send_and_withdraw_at_once_do_one_of_the_two_to_each_line",
            "guard/test_withdrawal.py::test_it_is_withdrawn_once",
            "store/test_page_rows.py::test_a_nonce_works_once_however_many_try",
            "guard/test_resolution.py::test_what_was_signed_about_a_line_is_used_once_and_for_that_line",
            "guard/test_tampered_intent.py::test_a_nonce_is_used_once_whatever_it_is_used_for",
            "guard/test_tampered_intent.py::test_one_approval_from_fifty_threads_and_processes_buys_once",
            "guard/test_live.py::test_a_signature_lifts_one_freeze",
            "approvals/test_passkey.py::test_the_same_answer_again_does_nothing",
            "approvals/test_passkey_browser.py::test_a_replayed_assertion_buys_nothing_more",
            "approvals/test_enrolling.py::test_a_code_makes_one_passkey",
            "approvals/test_changes_page.py::test_a_freeze_is_lifted_with_a_passkey_once",
            "guard/test_signed_consent.py::test_a_signed_statement_is_used_once",
            "guard/test_adjustment.py::test_two_adjustments_that_were_signed_at_once_are_not_both_written",
        ),
    ),
    "INV-EXPIRY": Invariant(
        "Nothing expired is honoured, whichever way a clock moves.",
        (
            "approvals/test_public.py::test_an_answer_is_good_for_minutes",
            STATEFUL,
            "desk/test_buying.py::test_consent_ends_with_its_time",
            "guard/test_conditional.py::test_a_line_is_not_claimed_after_its_consent_has_ended",
            "guard/test_tampered_intent.py::test_a_statement_that_waited_too_long_lifts_no_freeze",
            "desk/test_buying.py::test_consent_that_was_given_but_not_used_in_time_is_worth_nothing",
            "nouns/test_ticket.py::test_a_ticket_dies_at_the_end_of_its_life",
            "nouns/test_ticket.py::test_a_dead_ticket_stays_dead_when_the_calendar_is_set_back",
            "nouns/test_policy.py::test_a_rate_is_good_from_its_day_until_it_is_stale",
            "store/test_contract.py::test_time_never_runs_backward_in_the_records",
            "approvals/test_passkey.py::test_an_answer_to_a_form_that_is_too_old_is_refused_and_the_page_asks_anew",
            "approvals/test_passkey.py::test_what_has_expired_is_approved_no_more",
            "approvals/test_enrolling.py::test_a_code_is_good_for_a_quarter_of_an_hour",
            "approvals/test_changes_page.py::test_a_lifting_that_waited_too_long_lifts_nothing",
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
            "guard/test_void.py::test_what_is_sold_otherwise_than_it_was_approved_is_not_bought",
            "guard/test_void.py::test_a_lower_price_voids_nothing",
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
            "guard/test_adjustment.py::test_a_difference_never_counts_for_less_than_it_is",
        ),
    ),
    "INV-CURRENCY": Invariant(
        "Two currencies are never added, and a conversion cites a signed, fresh rate.",
        (
            "values/test_money.py::test_two_currencies_are_never_added_or_compared",
            "nouns/test_policy.py::test_a_rate_works_in_one_direction_and_none_is_derived",
            "guard/test_decision.py::test_another_currency_is_held_with_its_rate_and_haircut_rounded_up",
            "guard/test_budget_fold.py::test_an_entry_is_converted_by_the_rates_of_its_own_policy",
            "guard/test_rates.py::test_many_small_steps_never_leave_the_signed_rate",
            "guard/test_rates.py::test_a_step_too_far_that_somebody_wrote_into_the_database_buys_nothing",
        ),
    ),
    "INV-CONSERVE": Invariant(
        "Every hold that is over was posted or given back, to its whole amount.",
        (
            STATEFUL,
            "guard/test_budget_fold.py::test_every_hold_of_a_line_that_is_over_has_been_posted_or_given_back",
            "guard/test_budget_fold.py::test_what_was_charged_is_posted_and_the_rest_of_the_hold_given_back",
            "guard/test_resolution.py::test_a_charge_above_what_was_approved_is_posted_as_it_is_and_freezes",
            "guard/test_resolution.py::test_what_was_not_charged_gives_its_budget_back",
        ),
    ),
    "INV-REPLAY": Invariant(
        "Folding the ledger from its first entry gives the balances of the tables.",
        (
            STATEFUL,
            "guard/test_budget_fold.py::test_any_history_folds_to_what_its_outcomes_say",
            "cli/test_books.py::test_the_books_are_proved_after_a_purchase",
            "cli/test_books.py::test_a_balance_that_was_tampered_with_is_found",
            "guard/test_adjustment.py::test_another_policy_counts_adjustments_too",
            "guard/test_adjustment.py::test_an_adjusted_number_that_is_given_back_leaves_nothing_behind",
        ),
    ),
    "INV-APPEND": Invariant(
        "No row of the ledger or of the audit chain is ever changed or deleted.",
        (
            "store/test_append_only.py::test_the_database_itself_refuses_to_change_or_delete_a_row",
            "cli/test_books.py::test_an_event_that_was_edited_is_found",
            "store/test_contract.py::test_history_is_only_ever_added_to",
        ),
    ),
    "INV-CHAIN": Invariant(
        "The audit chain verifies from end to end, and extends every head that was signed.",
        (
            STATEFUL,
            "cli/test_books.py::test_an_event_that_was_edited_is_found",
            "store/test_contract.py::test_a_changed_history_is_noticed",
        ),
        not_built=f"checkpoints and signed heads: {SIGNATURES}",
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
            "guard/test_tampered_intent.py::test_a_looser_policy_that_is_written_into_a_live_database_buys_nothing",
            "guard/test_tampered_intent.py::test_a_stored_policy_that_is_not_what_was_signed_buys_nothing",
            "approvals/test_public.py::test_an_address_that_was_written_into_a_live_database_is_not_served",
            "guard/test_live_rules.py::test_a_live_policy_that_says_any_is_not_put_in_force",
            "guard/test_live_rules.py::test_nothing_is_asked_for_under_a_live_policy_that_says_any",
            "guard/test_live_rules.py::test_nothing_is_sent_under_a_live_policy_that_says_any",
            "guard/test_live_rules.py::test_under_a_policy_that_cannot_be_read_nothing_is_asked_for_or_sent",
            "guard/test_authority.py::test_without_its_pin_nobodys_signature_counts",
            "desk/test_foreseeing.py::test_a_policy_whose_transaction_failed_is_never_taken_for_one_in_force",
        ),
    ),
    "INV-TIGHTEN": Invariant(
        "A policy that nobody signed can only make the guard stricter.",
        (
            "guard/test_decision.py::test_tightening_a_limit_or_using_more_never_turns_a_no_into_a_yes",
            "guard/test_policy_table.py::test_what_tightens_never_turns_a_no_into_a_yes",
            "approvals/test_public.py::test_a_live_installation_is_public_where_its_approvers_say_so",
            "cli/test_assistants.py::test_a_live_register_is_for_approvers_alone",
            "guard/test_policy_table.py::test_every_field_of_a_policy_has_a_row_in_the_table",
            "guard/test_live.py::test_what_loosens_is_signed_and_what_tightens_is_not",
            "guard/test_live.py::test_a_policy_that_was_changed_in_the_database_buys_nothing",
            "guard/test_changes.py::test_a_proposed_policy_says_in_words_what_it_allows_and_changes_nothing",
            "guard/test_changes.py::test_a_policy_that_was_not_proposed_here_is_signed_by_nobody",
            "guard/test_changes.py::test_an_enrolment_under_an_older_policy_is_signed_by_nobody",
            "guard/test_rates.py::test_many_small_steps_never_leave_the_signed_rate",
            "guard/test_tampered_intent.py::test_a_looser_policy_that_is_written_into_a_live_database_buys_nothing",
            "guard/test_adjustment.py::test_what_gives_budget_back_is_signed_at_the_strongest_level_in_force",
        ),
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
            "cli/test_passkeys.py::test_the_invitation_is_a_picture_of_the_address_without_the_code",
            "approvals/test_public.py::test_whatever_is_asked_for_the_locked_page_is_the_same_byte_for_byte",
            "approvals/test_public.py::test_the_locked_page_tells_nothing_of_the_installation",
            "cli/test_settings.py::test_an_unknown_variable_stops_the_start_and_its_value_is_not_repeated",
            "cli/test_losses.py::test_no_passphrase_right_or_wrong_is_anywhere_afterwards",
            "cli/test_up.py::test_a_password_is_written_into_no_service",
            "cli/test_doctor_live.py::test_a_carriers_key_in_this_shell_or_in_a_clients_file_is_named_without_its_value",
        ),
        not_built="carriers' keys, which no code holds yet",
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
            "guard/test_spoofing.py::test_text_from_outside_is_spelt_out_and_short_wherever_it_is_read",
            "guard/test_spoofing.py::test_a_purchase_hides_its_price_behind_no_name",
            "guard/test_spoofing.py::test_every_field_of_text_has_a_decision",
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
            "cli/test_up.py::test_a_live_purchase_that_was_signed_elsewhere_is_executed",
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
            "guard/test_resolution.py::test_a_charge_as_it_was_approved_is_posted_and_the_number_is_ours",
            "guard/test_resolution.py::test_a_lost_number_that_is_gone_stops_counting",
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
            "cli/test_policy_test.py::test_what_would_be_refused_says_rule_limit_amount_and_way_out",
        ),
    ),
}
