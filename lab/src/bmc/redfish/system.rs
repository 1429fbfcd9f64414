//! The computer system: what it is, its power, its boot override, and what may be done to it. Pure.

use serde_json::{Value, json};

use super::super::board::{Boot, Light, Mode, Persistence, Power, Target};
use super::document::{Document, Scene, link};
use super::vendor::{self, BootMode, Owner, Values};

pub fn find(scene: &Scene, path: &[&str]) -> Option<Document> {
    let manners = scene.manners;
    match scene.below_system(path)? {
        [] => Document::with(system(scene), &["PATCH"]),
        [name] if Some(*name) == manners.settings => Document::with(settings(scene, name), &["PATCH"]),
        ["ResetActionInfo"] if manners.values == Values::Info => {
            let path = format!("{}/ResetActionInfo", scene.system());
            Document::read_only(action_info(&path, manners.resets))
        }
        _ => None,
    }
}

fn system(scene: &Scene) -> Value {
    let identity = &scene.view.board.identity;
    let at = scene.system();
    let to = |name: &str| link(format!("{at}/{name}"));
    let mut system = json!({
        "@odata.id": at,
        "@odata.type": "#ComputerSystem.v1_20_0.ComputerSystem",
        "Id": scene.manners.system,
        "Name": identity.name,
        "SystemType": "Physical",
        "Manufacturer": identity.vendor,
        "Model": identity.product,
        "SerialNumber": identity.serial,
        "AssetTag": identity.asset,
        "UUID": identity.uuid,
        "BiosVersion": if identity.uefi { "UEFI" } else { "BIOS" },
        "PowerState": scene.power().map(power),
        "Status": {"State": state(scene.power()), "Health": "OK"},
        "Boot": boot(scene),
        "ProcessorSummary": {"Count": identity.cpus},
        "MemorySummary": {"TotalSystemMemoryGiB": gib(identity.memory_mb)},
        "Processors": to("Processors"),
        "Memory": to("Memory"),
        "Storage": to("Storage"),
        "EthernetInterfaces": to("EthernetInterfaces"),
        "Links": {"Chassis": [link(scene.chassis())], "ManagedBy": [link(scene.manager())]},
        "Actions": {"#ComputerSystem.Reset": reset(scene, &at)},
    });
    for (owner, name) in [(scene.manners.log.0, "LogServices"), (scene.manners.media.0, "VirtualMedia")] {
        if owner == Owner::System {
            system[name] = to(name);
        }
    }
    light(&mut system, scene.manners.light, scene.view.board.light);
    if let Some(name) = scene.manners.settings {
        system["@Redfish.Settings"] =
            json!({"@odata.type": "#Settings.v1_3_5.Settings", "SettingsObject": to(name)});
    }
    system
}

/// Where the override is written, by the services that have it there.
fn settings(scene: &Scene, name: &str) -> Value {
    json!({
        "@odata.id": format!("{}/{name}", scene.system()),
        "@odata.type": "#ComputerSystem.v1_20_0.ComputerSystem",
        "Id": name,
        "Name": "Future state",
        "Boot": boot(scene),
    })
}

fn reset(scene: &Scene, at: &str) -> Value {
    let target = format!("{at}/Actions/ComputerSystem.Reset");
    match scene.manners.values {
        Values::Listed => {
            json!({"target": target, "ResetType@Redfish.AllowableValues": scene.manners.resets})
        }
        Values::Info => json!({"target": target, "@Redfish.ActionInfo": format!("{at}/ResetActionInfo")}),
    }
}

pub fn action_info(path: &str, values: &[&str]) -> Value {
    json!({
        "@odata.id": path,
        "@odata.type": "#ActionInfo.v1_4_2.ActionInfo",
        "Id": "ResetActionInfo",
        "Name": "Reset Action Info",
        "Parameters": [
            {"Name": "ResetType", "Required": true, "DataType": "String", "AllowableValues": values},
        ],
    })
}

pub const TARGETS: [(&str, Target); 5] = [
    ("None", Target::Usual),
    ("Pxe", Target::Network),
    ("Hdd", Target::Disk),
    ("Cd", Target::Cd),
    ("BiosSetup", Target::Setup),
];

fn boot(scene: &Scene) -> Value {
    let set = scene.boot();
    let manners = scene.manners;
    let targets = TARGETS.map(|(word, _)| word);
    let mut boot = json!({
        "BootSourceOverrideEnabled": enablement(set),
        "BootSourceOverrideTarget": target(set.target),
        "BootSourceOverrideTarget@Redfish.AllowableValues": targets,
        "BootSourceOverrideMode": mode(set.mode, scene.view.board.identity.uefi),
    });
    if manners.boot_mode != BootMode::ReadOnly {
        boot["BootSourceOverrideMode@Redfish.AllowableValues"] = json!(["UEFI", "Legacy"]);
    }
    boot
}

fn enablement(boot: Boot) -> &'static str {
    match (boot.target, boot.persistence) {
        (Target::Usual, _) => "Disabled",
        (_, Persistence::Once) => "Once",
        (_, Persistence::Always) => "Continuous",
    }
}

fn target(target: Target) -> &'static str {
    TARGETS.iter().find(|(_, each)| *each == target).map_or("None", |(word, _)| word)
}

fn mode(mode: Option<Mode>, uefi: bool) -> &'static str {
    match mode {
        Some(Mode::Uefi) => "UEFI",
        Some(Mode::Bios) => "Legacy",
        None if uefi => "UEFI",
        None => "Legacy",
    }
}

pub fn light(document: &mut Value, manners: vendor::Light, light: Light) {
    if manners != vendor::Light::Active {
        document["IndicatorLED"] = json!(match light {
            Light::Off => "Off",
            Light::Blinking => "Blinking",
            Light::Lit => "Lit",
        });
    }
    if let vendor::Light::Led(values) = manners {
        document["IndicatorLED@Redfish.AllowableValues"] = json!(values);
    } else {
        document["LocationIndicatorActive"] = json!(light != Light::Off);
    }
}

fn power(power: Power) -> &'static str {
    match power {
        Power::On => "On",
        Power::Off => "Off",
    }
}

fn state(power: Option<Power>) -> &'static str {
    match power {
        Some(Power::On) => "Enabled",
        Some(Power::Off) => "StandbyOffline",
        None => "UnavailableOffline",
    }
}

/// Whole numbers where they are: 2 rather than 2.0.
fn gib(mb: u64) -> Value {
    if mb.is_multiple_of(1024) { json!(mb / 1024) } else { json!(mb as f64 / 1024.0) }
}
