//! The store on both databases: each test runs on SQLite and on a PostgreSQL that the tests start themselves.

mod birth;
mod boots;
mod cluster_tasks;
mod clusters;
mod counts;
mod database;
mod events;
mod identity;
mod indexes;
mod inventory;
mod ladder;
mod lists;
mod nodes;
mod postgres;
mod power;
mod rows;
mod secrets;
mod tasks;
mod verbs;
mod writer;

use database::Database;

/// Makes of each test two: `sqlite::NAME` and `postgres::NAME`.
macro_rules! on_both {
    ($($module:ident :: $test:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$module::$test(super::Database::sqlite().await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$module::$test(super::Database::postgres().await).await;
            })*
        }
    };
}

on_both!(
    birth::many_packets_of_one_mac_make_one_machine,
    birth::a_second_port_of_the_site_file_joins_its_machine,
    birth::a_hostname_stays_with_the_machine_that_has_it,
    birth::a_machine_is_found_by_what_fits_it_only,
    birth::lists_come_in_pages,
    boots::a_boot_key_works_once_and_only_the_newest,
    boots::hops_are_counted_without_gaps,
    boots::old_boots_are_forgotten_with_their_logs,
    boots::log_lines_are_counted_without_gaps,
    cluster_tasks::the_same_key_is_the_same_task,
    cluster_tasks::who_has_just_failed_leaves_the_next_try_to_another,
    cluster_tasks::two_executors_never_have_the_same_task,
    cluster_tasks::the_oldest_comes_first_and_what_runs_before_it,
    cluster_tasks::who_falls_silent_loses_its_task,
    cluster_tasks::after_five_tries_it_has_failed,
    cluster_tasks::a_fixed_executor_is_the_only_one,
    cluster_tasks::nobody_takes_what_is_too_late,
    cluster_tasks::only_its_executor_may_report,
    cluster_tasks::a_failed_task_fails_no_machine,
    cluster_tasks::a_member_does_not_remove_itself,
    cluster_tasks::those_concerned_are_woken,
    cluster_tasks::ended_ones_are_forgotten_in_the_end,
    clusters::of_many_at_once_one_initialises,
    clusters::a_claim_outlives_the_server_and_its_machine,
    clusters::only_the_claimant_brings_it_up,
    clusters::an_adopted_cluster_was_empty,
    clusters::one_control_plane_joins_at_a_time,
    clusters::a_reset_forgets_all_but_snapshots,
    clusters::who_waits_for_a_cluster_is_woken,
    counts::everything_is_counted_once,
    counts::a_lease_that_has_ended_is_none,
    counts::who_is_held_or_silent_is_counted,
    events::nothing_is_lost_when_many_submit_at_once,
    events::history_tells_all_in_order,
    events::a_hello_is_news_once_a_boot,
    events::an_agent_is_heard_by_its_own_words_only,
    events::time_on_hold_does_not_count,
    events::a_remark_and_a_note_change_no_state,
    inventory::a_list_is_imported_once,
    inventory::a_list_says_what_switches_its_machines,
    inventory::of_a_list_that_clashes_nothing_is_imported,
    inventory::a_reserved_address_is_nobody_elses,
    inventory::events_of_all_machines_come_in_order,
    lists::a_word_is_found_wherever_people_know_a_machine_by_it,
    lists::a_list_has_a_pulse,
    lists::events_are_paged_without_a_gap,
    identity::a_swapped_card_leads_back_to_its_machine,
    identity::a_second_port_that_was_seen_alone_is_absorbed,
    identity::a_port_in_other_hardware_is_quarantined,
    identity::replaced_parts_are_its_own_when_a_person_says_so,
    identity::its_own_hardware_stays_known_when_one_of_two_systems_is_left,
    identity::a_hold_from_before_outlives_the_quarantine,
    identity::a_replaced_board_is_merged_by_a_person,
    identity::an_install_is_merged_into_nothing,
    identity::an_installed_system_moves_no_rows,
    identity::a_uuid_hints_at_one_machine_or_none,
    identity::a_name_is_one_machines,
    ladder::a_climb_is_one_climb_whichever_server_looks,
    ladder::the_hello_from_ram_ends_a_climb_and_teaches,
    ladder::what_an_agent_cannot_do_is_no_failure_of_its_machine,
    ladder::an_active_machine_that_reboots_stays_active,
    ladder::an_active_machine_that_was_switched_on_says_by_whom,
    ladder::a_machine_keeps_its_own_loader_until_another_is_chosen,
    nodes::a_node_begins_once_a_generation,
    nodes::a_token_stays_until_it_is_revoked,
    nodes::certificates_are_the_agents_word,
    nodes::only_news_wakes_somebody,
    nodes::what_a_person_said_stays_said,
    nodes::a_node_goes_with_its_machine,
    nodes::the_end_of_a_join_is_the_api_servers_word,
    nodes::a_leave_counts_for_its_drain_only,
    power::a_bmc_is_kept_and_forgotten_with_its_machine,
    power::only_a_changed_reading_is_news,
    power::what_was_begun_outlives_the_server,
    power::what_an_agent_was_asked_is_kept_until_it_is_woken,
    power::a_models_time_is_learned,
    power::all_are_counted,
    rows::tables_are_brought_up_to_date_once,
    rows::a_frozen_plan_stays,
    rows::the_newest_facts_are_kept,
    rows::a_token_is_known_until_it_ends,
    rows::a_user_has_one_token_until_it_is_revoked,
    rows::the_audit_log_keeps_what_began_and_how_it_ended,
    tasks::a_task_is_handed_out_until_it_ends,
    tasks::an_end_and_what_it_means_are_one_write,
    tasks::what_is_no_longer_wanted_is_not_handed_out,
    tasks::a_hold_stops_a_task_and_its_release_hands_it_out_again,
    tasks::reports_and_events_do_not_block_each_other,
    verbs::a_deleted_machine_leaves_a_tombstone_until_a_person_lets_it_in,
    verbs::a_profile_that_a_person_gives_is_kept_with_the_event,
    verbs::a_wipe_is_over_when_every_disk_is_erased,
    verbs::a_disk_that_was_not_erased_fails_the_wipe_until_a_person_skips_it,
    verbs::a_wanted_disk_that_is_missing_fails_the_wipe,
    verbs::a_rescue_has_its_own_keys,
    writer::a_failed_write_undoes_only_itself,
    writer::a_panic_ends_one_write,
    writer::a_caller_that_went_away_leaves_nothing_open,
);
