//! Each verb of the Redfish driver with each vendor's service: what the board was told, and what is read back.

use std::time::Duration;

use api::bmc::{BootOnce, FirmwareMode, Power, PowerAction};
use lab::bmc::board::{self, Action, Boot, Light, Mode, Persistence, Target};
use lab::bmc::redfish::Vendor;
use server::bmc::Driver;
use server::bmc::access::Password;
use server::bmc::redfish::{Identity, Login, Pace, Redfish, url};
use server::bmc::update::Progress;

use crate::memory::{Bmc, PASSWORD};

pub fn pace() -> Pace {
    let moment = Duration::from_millis(10);
    let long = Duration::from_secs(60);
    Pace { connect: long, answer: long, question: long, task: long, look: moment, retry: moment }
}

pub fn driver(bmc: &Bmc, password: &str, pinned: Option<String>, pace: Pace) -> Redfish {
    let base = url(&bmc.address.to_string()).unwrap();
    let login = Login { user: "admin".into(), password: Password::new(password) };
    let identity = Identity { uuid: None, serial: Some("SN-0007".into()) };
    Redfish::new(base, login, identity, pinned, pace).unwrap()
}

fn each() -> impl Iterator<Item = (Vendor, Bmc, Redfish)> {
    Vendor::ALL.into_iter().map(|vendor| {
        let bmc = Bmc::of(vendor);
        let driver = driver(&bmc, PASSWORD, None, pace());
        (vendor, bmc, driver)
    })
}

#[tokio::test]
async fn power_is_read_and_switched() {
    for (vendor, bmc, driver) in each() {
        assert_eq!(driver.power().await, Ok(Power::Off), "{vendor:?}");
        let wishes = [
            (PowerAction::On, Action::On, Power::On),
            (PowerAction::Shutdown, Action::Shutdown, Power::Off),
            (PowerAction::Cycle, Action::On, Power::On),
            (PowerAction::Off, Action::Off, Power::Off),
            // It is off, which is as wished: nothing is sent.
            (PowerAction::Off, Action::Off, Power::Off),
            (PowerAction::On, Action::On, Power::On),
        ];
        for (wish, action, power) in wishes {
            driver.act(wish).await.unwrap_or_else(|fault| panic!("{vendor:?} {wish:?}: {fault}"));
            assert_eq!(
                bmc.board.look(|inside| inside.acts.last().copied()),
                Some(action),
                "{vendor:?} {wish:?}"
            );
            assert_eq!(driver.power().await, Ok(power), "{vendor:?} {wish:?}");
        }
        driver.act(PowerAction::Cycle).await.unwrap_or_else(|fault| panic!("{vendor:?} cycle: {fault}"));
        let last = bmc.board.look(|inside| inside.acts.last().copied());
        assert!(matches!(last, Some(Action::Cycle | Action::Reset)), "{vendor:?}: {last:?}");
        assert_eq!(bmc.board.look(|inside| inside.acts.len()), 6, "{vendor:?}");
        driver.close().await.unwrap();
    }
}

/// It was read as off, and was on when the order came: vendors refuse it, each in its words.
#[tokio::test]
async fn an_order_that_came_too_late_is_obeyed() {
    for (vendor, bmc, driver) in each() {
        driver.power().await.unwrap();
        for (action, power, read_as) in [
            (PowerAction::On, board::Power::On, board::Power::Off),
            (PowerAction::Off, board::Power::Off, board::Power::On),
        ] {
            bmc.board.look(|inside| (inside.power, inside.stale) = (power, Some(read_as)));
            driver.act(action).await.unwrap_or_else(|fault| panic!("{vendor:?} {action:?}: {fault}"));
        }
        assert!(bmc.board.look(|inside| inside.acts.is_empty()), "{vendor:?}");
    }
}

#[tokio::test]
async fn an_override_is_set_read_back_and_cleared() {
    for (vendor, bmc, driver) in each() {
        for (once, target, mode, word) in [
            (BootOnce::Network, Target::Network, FirmwareMode::Uefi, Mode::Uefi),
            (BootOnce::Disk, Target::Disk, FirmwareMode::Uefi, Mode::Uefi),
            (BootOnce::Network, Target::Network, FirmwareMode::Bios, Mode::Bios),
        ] {
            driver
                .boot_once(once, mode)
                .await
                .unwrap_or_else(|fault| panic!("{vendor:?} {once:?} {mode:?}: {fault}"));
            let persistence = if vendor == Vendor::Sushy { Persistence::Always } else { Persistence::Once };
            // An iLO's mode is not to be written.
            let mode = Some(word).filter(|_| vendor != Vendor::Hpe);
            assert_eq!(
                bmc.board.look(|inside| inside.boot),
                Boot { target, persistence, mode },
                "{vendor:?}"
            );
            assert_eq!(driver.boot_kept().await, Ok(true), "{vendor:?}");
            assert_eq!(driver.boot_override().await.unwrap().stays(), vendor == Vendor::Sushy);
        }
        driver.clear_boot().await.unwrap_or_else(|fault| panic!("{vendor:?} clear: {fault}"));
        assert_eq!(bmc.board.look(|inside| inside.boot.target), Target::Usual, "{vendor:?}");
        assert_eq!(driver.boot_kept().await, Ok(false), "{vendor:?}");
    }
}

#[tokio::test]
async fn a_light_helps_to_find_it() {
    for (vendor, bmc, driver) in each() {
        driver.identify(true).await.unwrap_or_else(|fault| panic!("{vendor:?}: {fault}"));
        assert_ne!(bmc.board.look(|inside| inside.light), Light::Off, "{vendor:?}");
        driver.identify(false).await.unwrap_or_else(|fault| panic!("{vendor:?}: {fault}"));
        assert_eq!(bmc.board.look(|inside| inside.light), Light::Off, "{vendor:?}");
    }
}

#[tokio::test]
async fn readings_log_and_hardware_are_read() {
    for (vendor, _bmc, driver) in each() {
        let sensors = driver.sensors().await.unwrap();
        for (name, value, unit) in [
            ("CPU Temp", 41.5, "degrees C"),
            ("Fan 1", 4200.0, "RPM"),
            ("Input", 87.0, "W"),
            ("12V", 12.1, "V"),
        ] {
            let found = sensors.iter().find(|sensor| sensor.name == name);
            let found = found.unwrap_or_else(|| panic!("{vendor:?}: no {name} in {sensors:?}"));
            assert_eq!((found.value, found.unit.as_str()), (Some(value), unit), "{vendor:?}");
            assert_eq!(found.health.as_deref(), Some("OK"), "{vendor:?} {name}");
        }
        let mut log = driver.log().await.unwrap();
        log.sort_by_key(|entry| entry.id.clone());
        let said: Vec<_> =
            log.iter().map(|entry| (entry.severity.as_str(), entry.message.as_str())).collect();
        assert_eq!(said, [("OK", "Power on"), ("Warning", "CPU Temp is high")], "{vendor:?}");
        let hardware = driver.hardware().await.unwrap();
        assert_eq!(hardware.unread, Vec::<String>::new(), "{vendor:?}");
        assert_eq!((hardware.system.serial.as_str(), hardware.draw), ("SN-0007", Some(87.0)), "{vendor:?}");
        assert_eq!(hardware.uuid.as_deref(), Some("4c4c4544-0039-4b10-8056-b4c04f503733"), "{vendor:?}");
        assert_eq!((hardware.processors.len(), hardware.memory), (2, Some(2 << 30)), "{vendor:?}");
        assert_eq!(hardware.modules.iter().map(|module| module.size).sum::<u64>(), 2 << 30, "{vendor:?}");
        let drives: Vec<_> =
            hardware.drives.iter().map(|drive| (drive.serial.as_str(), drive.size)).collect();
        assert_eq!(drives, [("disk-a", 8 << 30), ("disk-b", 4 << 30)], "{vendor:?}");
        assert_eq!(hardware.interfaces[0].mac, "52:54:00:77:00:01", "{vendor:?}");
        assert_eq!(hardware.bmc.version, "1.0.0", "{vendor:?}");
    }
}

#[tokio::test]
async fn an_image_is_put_into_the_drive_and_taken_out() {
    let image = "http://10.0.0.1/rescue.iso";
    for (vendor, _bmc, driver) in each() {
        for _ in 0..2 {
            driver.insert_media(image).await.unwrap_or_else(|fault| panic!("{vendor:?}: {fault}"));
            let drives = driver.media().await.unwrap();
            assert_eq!((drives[0].inserted, drives[0].image.as_deref()), (true, Some(image)), "{vendor:?}");
        }
        driver.eject_media().await.unwrap_or_else(|fault| panic!("{vendor:?}: {fault}"));
        let drives = driver.media().await.unwrap();
        assert_eq!((drives[0].inserted, drives[0].image.as_deref()), (false, None), "{vendor:?}");
        driver.eject_media().await.unwrap_or_else(|fault| panic!("{vendor:?}: {fault}"));
    }
}

#[tokio::test]
async fn firmware_is_written_and_how_far_it_is_is_told() {
    for (vendor, _bmc, driver) in each() {
        let task = driver.update("http://10.0.0.1/bmc-2.17.bin").await;
        let task = task.unwrap_or_else(|fault| panic!("{vendor:?}: {fault}")).unwrap();
        let mut percents = Vec::new();
        let end = loop {
            match driver.progress(&task).await.unwrap_or_else(|fault| panic!("{vendor:?}: {fault}")) {
                Progress::Running { percent, .. } => percents.push(percent),
                end => break end,
            }
        };
        assert_eq!((percents, end), (vec![Some(33), Some(66)], Progress::Done), "{vendor:?}");
        assert_eq!(driver.hardware().await.unwrap().bmc.version, "2.17", "{vendor:?}");
        // What the end was is told once; after that nobody knows.
        let gone = driver.progress(&task).await.unwrap_err();
        assert!(gone.to_string().contains("no longer knows"), "{vendor:?}: {gone}");
        let task = driver.update("http://10.0.0.1/notes.txt").await.unwrap().unwrap();
        let wrong = loop {
            match driver.progress(&task).await.unwrap() {
                Progress::Running { .. } => {}
                end => break end,
            }
        };
        assert!(
            matches!(&wrong, Progress::Failed(why) if why.contains("notes.txt")),
            "{vendor:?}: {wrong:?}"
        );
    }
}

#[tokio::test]
async fn a_bmc_is_restarted_and_asked_again() {
    for (vendor, _bmc, driver) in each() {
        driver.power().await.unwrap();
        driver.reset_bmc().await.unwrap_or_else(|fault| panic!("{vendor:?}: {fault}"));
        assert_eq!(driver.power().await, Ok(Power::Off), "{vendor:?}");
    }
}
