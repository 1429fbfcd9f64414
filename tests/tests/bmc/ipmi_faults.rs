//! What an operator is told of an IPMI BMC that refuses, does not answer, or does something else.

use std::time::Duration;

use api::bmc::{BootOnce, Fault, FirmwareMode, Power, PowerAction};
use lab::bmc::board::Action;
use lab::bmc::fault::Fault as Bent;
use lab::bmc::ipmi::{Level, Oddity, Settings};
use server::bmc::Driver;
use server::bmc::ipmi::Patience;

use crate::ipmi::{Bench, PASSWORD, USER, assert_says};

/// For answers that are late, or do not come.
const SHORT: Patience =
    Patience { first: Duration::from_millis(500), longest: Duration::from_millis(500), tries: 3 };

fn odd(oddity: Oddity) -> Bench {
    Bench::new(Settings { oddities: vec![oddity], ..Settings::default() })
}

#[tokio::test]
async fn logins_that_are_refused_say_why() {
    let limits = vec![(USER.into(), Level::Operator)];
    let bench = Bench::new(Settings { limits, ..Settings::default() });
    let wrong = bench.driver_with(USER, "wrong", None).power().await.unwrap_err();
    assert_says(&wrong, Fault::Refused, "password is wrong");
    let nobody = bench.driver_with("nobody", PASSWORD, None).power().await.unwrap_err();
    assert_says(&nobody, Fault::Refused, "does not know the user");
    let operator = bench.driver();
    operator.act(PowerAction::On).await.unwrap();
    let fault = operator.reset_bmc().await.unwrap_err();
    assert_says(&fault, Fault::Refused, "0xd4");

    let limits = vec![(USER.into(), Level::User)];
    let bench = Bench::new(Settings { limits, ..Settings::default() });
    let fault = bench.driver().power().await.unwrap_err();
    assert_says(&fault, Fault::Refused, "0x0a");
}

#[tokio::test]
async fn a_bmc_key_is_told_from_a_password() {
    let bench = Bench::new(Settings { key: Some(b"a key".into()), ..Settings::default() });
    let fault = bench.driver().power().await.unwrap_err();
    assert_says(&fault, Fault::Refused, "none is set for it here");
    let fault = bench.driver_with(USER, PASSWORD, Some(b"another")).power().await.unwrap_err();
    assert_says(&fault, Fault::Refused, "not the one it has");
    assert_eq!(bench.driver_with(USER, PASSWORD, Some(b"a key")).power().await, Ok(Power::Off));
}

#[tokio::test]
async fn a_slow_bmc_is_waited_for_and_obeys_once() {
    let bench = Bench::new(Settings::default());
    let driver = bench.driver().with_patience(SHORT);
    driver.power().await.unwrap();
    // Longer than the first wait, so that the order is sent twice.
    bench.faults.set([Bent::Slow(Duration::from_millis(700))]);
    driver.act(PowerAction::On).await.unwrap();
    assert_eq!(bench.board.actions(), [Action::On]);
}

#[tokio::test]
async fn a_bmc_that_falls_silent_is_given_up() {
    let bench = Bench::new(Settings::default());
    let driver = bench.driver().with_patience(SHORT);
    driver.power().await.unwrap();
    bench.faults.set([Bent::Hung]);
    let fault = driver.power().await.unwrap_err();
    assert_says(&fault, Fault::Silent, "neither IPMI nor an RMCP ping");
    bench.faults.set([]);
    assert_eq!(driver.power().await, Ok(Power::Off));
}

#[tokio::test]
async fn a_bmc_without_room_says_so() {
    let bench = Bench::new(Settings::default());
    bench.faults.set([Bent::NoSessions]);
    let fault = bench.driver().power().await.unwrap_err();
    assert_says(&fault, Fault::NoSessions, "no room for another session");
    bench.faults.set([]);
    // Sessions that are closed are no burden.
    for _ in 0..2 * Settings::default().sessions {
        let driver = bench.driver();
        driver.power().await.unwrap();
        driver.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_a_bmc_does_not_do_is_seen_or_verified() {
    let bench = Bench::new(Settings::default());
    let driver = bench.driver();
    bench.faults.set([Bent::Forgetful]);
    let fault = driver.boot_once(BootOnce::Network, FirmwareMode::Uefi).await.unwrap_err();
    assert_says(&fault, Fault::NotObeyed, "not valid after they were set");
    // A liar cannot be caught here: that the machine does not come is what tells.
    bench.faults.set([Bent::Lying]);
    driver.boot_once(BootOnce::Network, FirmwareMode::Uefi).await.unwrap();
    driver.act(PowerAction::On).await.unwrap();
    assert_eq!(driver.power().await, Ok(Power::On));
    assert_eq!(bench.board.actions(), []);
    bench.faults.set([]);
    assert_eq!(driver.power().await, Ok(Power::Off));
}

#[tokio::test]
async fn oddities_are_told_or_borne() {
    let bench = odd(Oddity::CutsPasswords);
    let fault = bench.driver().power().await.unwrap_err();
    assert_says(&fault, Fault::Refused, "keep only the first 16");
    assert_eq!(bench.driver_with(USER, &PASSWORD[..16], None).power().await, Ok(Power::Off));

    let bench = odd(Oddity::KeepsBoot);
    let driver = bench.driver();
    let fault = driver.boot_once(BootOnce::Network, FirmwareMode::Uefi).await.unwrap_err();
    assert_says(&fault, Fault::NotObeyed, "holds for every start");
    driver.act(PowerAction::On).await.unwrap();
    assert_eq!(driver.boot_kept().await, Ok(true));
    driver.clear_boot().await.unwrap();
    assert_eq!(driver.boot_kept().await, Ok(false));

    let bench = odd(Oddity::StrangeCodes);
    let fault = bench.driver().identify(true).await.unwrap_err();
    assert_says(&fault, Fault::NotObeyed, "0xe3");
    assert_eq!(bench.driver().log().await.unwrap().len(), 3, "without what it says of its log");

    let bench = odd(Oddity::BusyOnce);
    let driver = bench.driver();
    let fault = driver.act(PowerAction::On).await.unwrap_err();
    assert_says(&fault, Fault::Busy, "0xc0");
    driver.act(PowerAction::On).await.unwrap();
    assert_eq!(bench.board.actions(), [Action::On]);
}

#[tokio::test]
async fn a_bmc_that_is_busy_takes_no_rights_away() {
    let bench = odd(Oddity::BusyAtLogin);
    let driver = bench.driver();
    let fault = driver.reset_bmc().await.unwrap_err();
    assert_says(&fault, Fault::Busy, "0xc0");
    // Which takes an administrator.
    driver.reset_bmc().await.unwrap();
}
