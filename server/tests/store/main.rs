//! The store on both databases: each test runs on SQLite and on a PostgreSQL that the tests start themselves.

mod birth;
mod boots;
mod database;
mod events;
mod indexes;
mod postgres;
mod rows;
mod tasks;
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
    events::nothing_is_lost_when_many_submit_at_once,
    events::history_tells_all_in_order,
    events::a_hello_is_news_once_a_boot,
    events::time_on_hold_does_not_count,
    rows::tables_are_brought_up_to_date_once,
    rows::a_frozen_plan_stays,
    rows::the_newest_facts_are_kept,
    rows::a_token_is_known_until_it_ends,
    tasks::a_task_is_handed_out_until_it_ends,
    tasks::an_end_and_what_it_means_are_one_write,
    tasks::what_is_no_longer_wanted_is_not_handed_out,
    tasks::a_hold_stops_a_task_and_its_release_hands_it_out_again,
    tasks::reports_and_events_do_not_block_each_other,
    writer::a_failed_write_undoes_only_itself,
    writer::a_panic_ends_one_write,
    writer::a_caller_that_went_away_leaves_nothing_open,
);
