//! What is asked for is done, by what each BMC offers, and read back.

use api::bmc::{BootOnce, Fault, FirmwareMode, Power, PowerAction};
use serde_json::{Value, json};
use server::bmc::Driver;
use server::bmc::update::Progress;

use crate::bench::{Bmc, Manners};
use crate::trees::{VENDORS, documents};

const DELL: &str = "/redfish/v1/Systems/System.Embedded.1";

#[tokio::test]
async fn every_vendor_is_switched_and_read_back() {
    for vendor in VENDORS {
        let bmc = Bmc::of(vendor).await;
        let driver = bmc.driver();
        driver.act(PowerAction::On).await.unwrap();
        assert_eq!(driver.power().await, Ok(Power::On), "{vendor}");
        driver.act(PowerAction::Shutdown).await.unwrap();
        assert_eq!(driver.power().await, Ok(Power::Off), "{vendor}");
        assert!(!bmc.lock().asked.iter().any(|each| each.contains("ForceOff")), "{vendor}");
        driver.act(PowerAction::Cycle).await.unwrap();
        assert_eq!(driver.power().await, Ok(Power::On), "{vendor}");
        driver.act(PowerAction::Off).await.unwrap();
        assert_eq!(driver.power().await, Ok(Power::Off), "{vendor}");
        driver.reset_bmc().await.unwrap();
        assert_eq!(bmc.asked("POST").iter().filter(|each| each.contains("Manager.Reset")).count(), 1);
    }
}

#[tokio::test]
async fn every_vendor_boots_once_and_forgets() {
    for vendor in VENDORS {
        let bmc = Bmc::of(vendor).await;
        let driver = bmc.driver();
        let boot = driver.boot_once(BootOnce::Network, FirmwareMode::Uefi).await;
        boot.unwrap_or_else(|fault| panic!("{vendor}: {fault}"));
        assert_eq!(driver.boot_kept().await, Ok(true), "{vendor}");
        driver.boot_once(BootOnce::Disk, FirmwareMode::Uefi).await.unwrap();
        assert_eq!(driver.boot_override().await.unwrap().target.as_deref(), Some("Hdd"), "{vendor}");
        driver.clear_boot().await.unwrap();
        assert_eq!(driver.boot_kept().await, Ok(false), "{vendor}");
    }
}

#[tokio::test]
async fn an_override_is_written_where_and_how_the_vendor_takes_it() {
    let written = async |vendor: &str| -> (String, Value) {
        let bmc = Bmc::of(vendor).await;
        let driver = bmc.driver();
        driver.boot_once(BootOnce::Network, FirmwareMode::Uefi).await.unwrap();
        let (path, body) =
            bmc.asked("PATCH")[0][6..].split_once(' ').map(|(p, b)| (p.into(), b.into())).unwrap();
        let body: String = body;
        (path, serde_json::from_str(&body).unwrap())
    };
    let once = json!({"Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"}});
    let mut with_mode = once.clone();
    with_mode["Boot"]["BootSourceOverrideMode"] = json!("UEFI");
    assert_eq!(written("dell").await, (DELL.into(), with_mode.clone()));
    assert_eq!(written("hpe").await, ("/redfish/v1/Systems/1/".into(), once));
    assert_eq!(written("ami").await, ("/redfish/v1/Systems/Self/SD".into(), with_mode.clone()));
    assert_eq!(written("supermicro").await, ("/redfish/v1/Systems/1".into(), with_mode));
}

#[tokio::test]
async fn a_system_that_refuses_is_written_in_its_settings() {
    // As iDRAC10 does: `Boot` of the system is read-only.
    let mut documents = documents("dell");
    let boot = documents[DELL]["Boot"].clone();
    documents.get_mut(&format!("{DELL}/Settings")).unwrap()["Boot"] = boot;
    let bmc = Bmc::with(documents, Manners::default()).await;
    let refusal =
        crate::bench::Trouble::Status(400, r#"{"error": {"message": "Boot is a read-only property"}}"#);
    bmc.trouble(&format!("PATCH {DELL}"), usize::MAX, refusal);
    let driver = bmc.driver();
    driver.boot_once(BootOnce::Network, FirmwareMode::Uefi).await.unwrap();
    assert_eq!(bmc.lock().documents[&format!("{DELL}/Settings")]["Boot"]["BootSourceOverrideTarget"], "Pxe");
}

#[tokio::test]
async fn an_override_that_is_not_shown_was_not_obeyed() {
    let bmc = Bmc::with(documents("lenovo"), Manners { ignores_boot: true, ..Manners::default() }).await;
    let fault = bmc.driver().boot_once(BootOnce::Network, FirmwareMode::Uefi).await.unwrap_err();
    assert!(matches!(&fault, Fault::NotObeyed(what) if what.contains("target None")), "{fault}");
}

#[tokio::test]
async fn an_override_that_stays_is_noticed_and_cleared() {
    let bmc = Bmc::with(documents("dell"), Manners { keeps_boot: true, ..Manners::default() }).await;
    let driver = bmc.driver();
    driver.boot_once(BootOnce::Network, FirmwareMode::Uefi).await.unwrap();
    assert!(driver.boot_override().await.unwrap().stays());
    assert_eq!(driver.boot_kept().await, Ok(true));
    driver.clear_boot().await.unwrap();
    assert!(!driver.boot_override().await.unwrap().stays());
}

#[tokio::test]
async fn a_mode_that_is_not_the_firmwares_is_told() {
    // HPE's cannot be written, and says nothing of the machine.
    let hpe = Bmc::of("hpe").await;
    hpe.driver().boot_once(BootOnce::Network, FirmwareMode::Bios).await.unwrap();
    let mut documents = documents("dell");
    documents.get_mut(DELL).unwrap()["Boot"]["BootSourceOverrideTarget@Redfish.AllowableValues"] =
        json!(["None", "Cd"]);
    let bmc = Bmc::with(documents, Manners::default()).await;
    let fault = bmc.driver().boot_once(BootOnce::Network, FirmwareMode::Bios).await.unwrap_err();
    assert_eq!(fault, Fault::Unsupported("it boots once from None, Cd, and not from Pxe".into()));
}

#[tokio::test]
async fn conditions_are_met_in_whatever_way_works() {
    let wants = Manners { wants_match: true, ..Manners::default() };
    let restless = Manners { restless: true, ..Manners::default() };
    let both = Manners { wants_match: true, restless: true, ..Manners::default() };
    for manners in [wants, restless, both] {
        for vendor in ["dell", "ami"] {
            let bmc = Bmc::with(documents(vendor), manners).await;
            bmc.driver().boot_once(BootOnce::Network, FirmwareMode::Uefi).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_cycle_without_a_reset_of_its_own_is_off_then_on() {
    let mut documents = documents("dell");
    documents.get_mut(DELL).unwrap()["Actions"]["#ComputerSystem.Reset"]["ResetType@Redfish.AllowableValues"] =
        json!(["On", "ForceOff"]);
    let bmc = Bmc::with(documents, Manners { few_resets: true, ..Manners::default() }).await;
    let driver = bmc.driver();
    driver.act(PowerAction::Cycle).await.unwrap();
    assert_eq!(driver.power().await, Ok(Power::On));
    let kinds: Vec<String> =
        bmc.asked("POST").iter().filter_map(|each| Some(each.split_once("ResetType")?.1.into())).collect();
    assert_eq!(kinds, ["\":\"ForceOff\"}", "\":\"On\"}"]);
    let fault = driver.act(PowerAction::Shutdown).await.unwrap_err();
    assert!(matches!(fault, Fault::Unsupported(_)), "{fault}");
}

#[tokio::test]
async fn resets_that_are_not_listed_are_tried() {
    let mut documents = documents("dell");
    let reset = json!({"target": format!("{DELL}/Actions/ComputerSystem.Reset")});
    documents.get_mut(DELL).unwrap()["Actions"]["#ComputerSystem.Reset"] = reset;
    let bmc = Bmc::with(documents, Manners { few_resets: true, ..Manners::default() }).await;
    let driver = bmc.driver();
    // PowerCycle and ForceRestart are both refused: the fault says so, and nothing else is tried.
    assert!(matches!(driver.act(PowerAction::Cycle).await, Err(Fault::Unsupported(_))));
    driver.act(PowerAction::Off).await.unwrap();
    driver.act(PowerAction::On).await.unwrap();
    assert_eq!(driver.power().await, Ok(Power::On));
}

#[tokio::test]
async fn what_is_only_begun_is_followed_to_its_end() {
    let bmc =
        Bmc::with(documents("lenovo"), Manners { tasks: Some("Completed"), ..Manners::default() }).await;
    let driver = bmc.driver();
    driver.act(PowerAction::Off).await.unwrap();
    assert_eq!(bmc.asked("GET /redfish/v1/TaskService/Tasks/1").len(), 3);
    let bmc =
        Bmc::with(documents("lenovo"), Manners { tasks: Some("Exception"), ..Manners::default() }).await;
    let fault = bmc.driver().act(PowerAction::Off).await.unwrap_err();
    assert_eq!(fault, Fault::NotObeyed("/redfish/v1/TaskService/Tasks/1: Exception".into()));
}

#[tokio::test]
async fn firmware_is_fetched_and_written_step_by_step() {
    let bmc = Bmc::with(documents("dell"), Manners { tasks: Some("Completed"), ..Manners::default() }).await;
    let driver = bmc.driver();
    let task = driver.update("http://10.0.0.1/fw/BIOS.EXE").await.unwrap().unwrap();
    let mut percents = Vec::new();
    while let Progress::Running { percent, .. } = driver.progress(&task).await.unwrap() {
        percents.push(percent);
    }
    assert_eq!(percents, [Some(0), Some(40)]);
    let sent = bmc.asked("POST /redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate");
    assert!(
        sent[0].ends_with(r#"{"ImageURI":"http://10.0.0.1/fw/BIOS.EXE","TransferProtocol":"HTTP"}"#),
        "{sent:?}"
    );
    let refused = driver.update("http://me:secret@10.0.0.1/x").await.unwrap_err();
    assert!(matches!(&refused, Fault::Unsupported(what) if !what.contains("secret")), "{refused}");
    // Lenovo's list of protocols lies in another document, and HTTP is not in it.
    let bmc = Bmc::of("lenovo").await;
    let fault = bmc.driver().update("http://10.0.0.1/x").await.unwrap_err();
    assert_eq!(fault, Fault::Unsupported("it fetches firmware by HTTPS, SFTP, TFTP, and not by HTTP".into()));
}

#[tokio::test]
async fn an_image_is_put_in_and_taken_out() {
    for vendor in VENDORS {
        let bmc = Bmc::of(vendor).await;
        let driver = bmc.driver();
        driver
            .insert_media("http://10.0.0.1/ram.iso")
            .await
            .unwrap_or_else(|fault| panic!("{vendor}: {fault}"));
        let sent = bmc.asked("").into_iter().filter(|each| each.contains("ram.iso")).count();
        assert_eq!(sent, 1, "{vendor}");
        driver.eject_media().await.unwrap();
    }
    let bmc = Bmc::with(documents("dell"), Manners { ignores_media: true, ..Manners::default() }).await;
    let fault = bmc.driver().insert_media("http://10.0.0.1/ram.iso").await.unwrap_err();
    assert!(matches!(&fault, Fault::NotObeyed(what) if what.contains("an empty drive")), "{fault}");
    // What lay there is no sign of what was put in.
    let bmc = Bmc::of("dell").await;
    bmc.driver().insert_media("http://10.0.0.1/ram.iso").await.unwrap();
    bmc.lock().manners.ignores_media = true;
    let fault = bmc.driver().insert_media("http://10.0.0.1/other.iso").await.unwrap_err();
    assert!(matches!(&fault, Fault::NotObeyed(what) if what.contains("the one before")), "{fault}");
    // Lenovo's drive has no actions: it is written.
    let bmc = Bmc::of("lenovo").await;
    let driver = bmc.driver();
    driver.insert_media("http://10.0.0.1/ram.iso").await.unwrap();
    let path = "/redfish/v1/Managers/1/VirtualMedia/EXT1";
    assert_eq!(bmc.lock().documents[path]["Image"], "http://10.0.0.1/ram.iso");
    driver.insert_media("http://10.0.0.1/ram.iso").await.unwrap();
    assert_eq!(bmc.asked("PATCH").len(), 1);
    driver.insert_media("http://10.0.0.1/ram.iso?key=dud").await.unwrap();
    let shown = driver.media().await.unwrap().into_iter().find_map(|drive| drive.image);
    assert_eq!(shown.as_deref(), Some("http://10.0.0.1/ram.iso"), "without its key");
    driver.eject_media().await.unwrap();
    assert_eq!(bmc.lock().documents[path]["Inserted"], false);
}

#[tokio::test]
async fn a_light_shows_where_the_machine_is() {
    for (vendor, path, field, lit, dark) in [
        ("dell", DELL, "LocationIndicatorActive", json!(true), json!(false)),
        ("hpe", "/redfish/v1/Systems/1/", "IndicatorLED", json!("Blinking"), json!("Off")),
    ] {
        let bmc = Bmc::of(vendor).await;
        let driver = bmc.driver();
        driver.identify(true).await.unwrap();
        assert_eq!(bmc.lock().documents[path][field], lit, "{vendor}");
        driver.identify(false).await.unwrap();
        assert_eq!(bmc.lock().documents[path][field], dark, "{vendor}");
    }
}

#[tokio::test]
async fn power_is_one_request_once_the_places_are_known() {
    let bmc = Bmc::of("dell").await;
    let driver = bmc.driver();
    driver.power().await.unwrap();
    let before = bmc.lock().asked.len();
    driver.power().await.unwrap();
    assert_eq!(bmc.lock().asked.len(), before + 1);
}
