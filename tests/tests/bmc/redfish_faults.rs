//! Each fault of a BMC, and what its operator is told.

use std::time::Duration;

use api::bmc::{BootOnce, Fault, FirmwareMode, Power, PowerAction};
use lab::bmc::board;
use lab::bmc::fault::Fault as Cause;
use lab::bmc::redfish::Vendor;
use server::bmc::Driver;
use server::bmc::redfish::Pace;

use crate::memory::{Bmc, PASSWORD};
use crate::redfish::{driver, pace};

fn hasty() -> Pace {
    let short = Duration::from_millis(400);
    Pace { connect: short, answer: short, ..pace() }
}

#[tokio::test]
async fn one_that_hangs_is_hung_whether_it_was_known_or_not() {
    let bmc = Bmc::of(Vendor::Plain);
    let known = driver(&bmc, PASSWORD, None, pace());
    known.power().await.unwrap();
    let known = driver(&bmc, PASSWORD, known.pinned(), hasty());
    bmc.faults.set([Cause::Hung]);
    for driver in [known, driver(&bmc, PASSWORD, None, hasty())] {
        let fault = driver.power().await.unwrap_err();
        assert!(matches!(fault, Fault::Hung(_)), "{fault}");
        bmc.faults.set([]);
        // It is in a hurry, and this machine may not be.
        for _ in 0..50 {
            if driver.power().await == Ok(Power::Off) {
                break;
            }
        }
        assert_eq!(driver.power().await, Ok(Power::Off));
        bmc.faults.set([Cause::Hung]);
        // In the middle of a session.
        let fault = driver.power().await.unwrap_err();
        assert!(matches!(fault, Fault::Hung(_)), "{fault}");
    }
}

#[tokio::test]
async fn one_that_is_slow_is_waited_for_and_one_that_is_too_slow_is_hung() {
    let bmc = Bmc::of(Vendor::Plain);
    bmc.faults.set([Cause::Slow(Duration::from_millis(20))]);
    assert_eq!(driver(&bmc, PASSWORD, None, pace()).power().await, Ok(Power::Off));
    bmc.faults.set([Cause::Slow(Duration::from_secs(3_600))]);
    let fault = driver(&bmc, PASSWORD, None, hasty()).power().await.unwrap_err();
    assert!(matches!(&fault, Fault::Hung(what) if what.contains("no answer to /redfish/v1/")), "{fault}");
}

/// Nothing that it says gives it away: that the machine does not appear on the wire does.
#[tokio::test]
async fn one_that_lies_is_believed_by_its_driver() {
    for vendor in Vendor::ALL {
        let bmc = Bmc::of(vendor);
        bmc.faults.set([Cause::Lying]);
        let driver = driver(&bmc, PASSWORD, None, pace());
        driver.boot_once(BootOnce::Network, FirmwareMode::Uefi).await.unwrap();
        driver.act(PowerAction::On).await.unwrap();
        assert_eq!(driver.power().await, Ok(Power::On), "{vendor:?}");
        assert_eq!(bmc.board.look(|inside| inside.power), board::Power::Off, "{vendor:?}");
        assert_eq!(bmc.board.look(|inside| inside.boot), board::Boot::NONE, "{vendor:?}");
    }
}

#[tokio::test]
async fn one_that_forgets_is_found_out_when_it_is_read_back() {
    for vendor in Vendor::ALL {
        let bmc = Bmc::of(vendor);
        bmc.faults.set([Cause::Forgetful]);
        let driver = driver(&bmc, PASSWORD, None, pace());
        let fault = driver.boot_once(BootOnce::Network, FirmwareMode::Uefi).await.unwrap_err();
        assert!(matches!(&fault, Fault::NotObeyed(what) if what.contains("Pxe")), "{vendor:?}: {fault}");
    }
}

#[tokio::test]
async fn one_without_a_session_left_is_refused_and_says_so() {
    for vendor in Vendor::ALL {
        let bmc = Bmc::of(vendor);
        bmc.faults.set([Cause::NoSessions]);
        let driver = driver(&bmc, PASSWORD, None, pace());
        let fault = driver.power().await.unwrap_err();
        assert!(
            matches!(&fault, Fault::NoSessions(what) if what.contains("no more sessions")),
            "{vendor:?}: {fault}"
        );
        bmc.faults.set([]);
        assert_eq!(driver.power().await, Ok(Power::Off), "{vendor:?}");
    }
}

#[tokio::test]
async fn one_that_is_full_of_sessions_is_spoken_to_without_one() {
    for (vendor, most) in [(Vendor::Plain, 16), (Vendor::Dell, 8)] {
        let bmc = Bmc::of(vendor);
        let mut others = Vec::new();
        for _ in 0..=most {
            let other = driver(&bmc, PASSWORD, None, pace());
            other.power().await.unwrap_or_else(|fault| panic!("{vendor:?}: {fault}"));
            others.push(other);
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    for vendor in Vendor::ALL {
        let bmc = Bmc::of(vendor);
        let fault = driver(&bmc, "wrong", None, pace()).power().await.unwrap_err();
        assert!(
            matches!(&fault, Fault::Refused(what) if what.contains("may not log in")),
            "{vendor:?}: {fault}"
        );
    }
}

#[tokio::test]
async fn another_certificate_is_an_alarm_also_where_a_connection_was_open() {
    let bmc = Bmc::of(Vendor::Plain);
    let open = driver(&bmc, PASSWORD, None, pace());
    open.power().await.unwrap();
    let pinned = open.pinned().unwrap();
    bmc.faults.set([Cause::OtherCertificate]);
    for driver in [open, driver(&bmc, PASSWORD, Some(pinned.clone()), pace())] {
        let fault = driver.power().await.unwrap_err();
        let Fault::CertificateChanged { pinned: known, presented } = fault else { panic!("{fault}") };
        assert_eq!(known, pinned);
        assert_ne!(presented, pinned);
        assert!(driver.act(PowerAction::On).await.is_err());
        assert!(bmc.board.look(|inside| inside.acts.is_empty()));
    }
}

#[tokio::test]
async fn a_board_that_fails_is_told_by_its_bmc() {
    let bmc = Bmc::of(Vendor::Plain);
    bmc.board.look(|inside| inside.broken = true);
    let fault = driver(&bmc, PASSWORD, None, pace()).act(PowerAction::On).await.unwrap_err();
    assert!(matches!(&fault, Fault::Busy(what) if what.contains("answered 500")), "{fault}");
}
