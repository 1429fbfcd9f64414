//! What the tree tells of CPUs, memory, drives, network interfaces and firmware. Pure.

use std::collections::BTreeSet;

use api::bmc::Fault;
use api::bmc::hardware::{Component, Controller, Drive, Hardware, Port, Processor};
use api::facts::{MemoryModule, Product};
use serde_json::Value;

use super::doc;
use super::places::Places;
use super::quirks::Bend;
use super::tree::Tree;

pub fn hardware(tree: &Tree, places: &Places) -> Result<Hardware, Fault> {
    let system = tree.need(&places.system)?;
    let chassis: Vec<&Value> = places.chassis.iter().filter_map(|path| tree.get(path)).collect();
    let summed = system.get("MemorySummary").and_then(|sum| doc::number(sum, "TotalSystemMemoryGiB"));
    let mut hardware = Hardware {
        system: Product {
            manufacturer: doc::owned(system, "Manufacturer"),
            product: doc::owned(system, "Model"),
            // Dell and HPE print another number as `SKU`; `SerialNumber` is the one that SMBIOS has.
            serial: doc::owned(system, "SerialNumber"),
        },
        // Redfish has no place for the mainboard's own.
        board: Product::default(),
        chassis_serial: chassis
            .first()
            .map(|chassis| doc::owned(chassis, "SerialNumber"))
            .unwrap_or_default(),
        asset_tag: doc::owned(system, "AssetTag"),
        uuid: doc::text(system, "UUID").map(str::to_ascii_lowercase),
        firmware_version: doc::owned(system, "BiosVersion"),
        bmc: controller(tree, places),
        processors: processors(tree, system),
        memory: summed.filter(|gib| *gib > 0.0).map(|gib| (gib * GIB) as u64),
        modules: modules(tree, system),
        drives: drives(tree, places, system, &chassis),
        interfaces: interfaces(tree, system, &chassis),
        firmware: firmware(tree, places),
        draw: super::sensors::draw(tree, places),
        unread: Vec::new(),
    };
    hardware.unread = tree.unread();
    Ok(hardware)
}

const GIB: f64 = 1_073_741_824.0;
const MIB: u64 = 1_048_576;

fn controller(tree: &Tree, places: &Places) -> Controller {
    let manager = places.manager.as_ref().and_then(|path| tree.get(path));
    let word = |field: &str| manager.map(|manager| doc::owned(manager, field)).unwrap_or_default();
    Controller { model: word("Model"), version: word("FirmwareVersion") }
}

fn processors(tree: &Tree, system: &Value) -> Vec<Processor> {
    let members = tree.members_of(system, "Processors").into_iter().filter(|each| doc::present(each));
    members
        .map(|each| Processor {
            socket: doc::first_of(each, &["Socket", "Id", "Name"]),
            kind: doc::text(each, "ProcessorType").unwrap_or("CPU").into(),
            model: doc::first_of(each, &["Model", "Name"]),
            cores: small(each, "TotalCores"),
            threads: small(each, "TotalThreads"),
        })
        .collect()
}

fn modules(tree: &Tree, system: &Value) -> Vec<MemoryModule> {
    let size = |each: &Value| doc::count(each, "CapacityMiB").or_else(|| doc::count(each, "SizeMB"));
    let members = tree.members_of(system, "Memory").into_iter().filter(|each| doc::present(each));
    members
        .filter_map(|each| {
            Some(MemoryModule {
                slot: doc::first_of(each, &["DeviceLocator", "Name", "Id"]),
                size: size(each).filter(|mib| *mib > 0)?.checked_mul(MIB)?,
                speed: small(each, "OperatingSpeedMhz"),
                serial: doc::owned(each, "SerialNumber"),
                manufacturer: doc::first_of(each, &["Manufacturer", "VendorID"]),
            })
        })
        .collect()
}

fn drives(tree: &Tree, places: &Places, system: &Value, chassis: &[&Value]) -> Vec<Drive> {
    let mut docs = Vec::new();
    for storage in tree.members_of(system, "Storage") {
        docs.extend(tree.linked(storage, "Drives"));
    }
    for chassis in chassis {
        docs.extend(tree.members_of(chassis, "Drives"));
        docs.extend(chassis.get("Links").map(|links| tree.linked(links, "Drives")).unwrap_or_default());
    }
    let mut found: Vec<Drive> = unique(docs).into_iter().filter_map(drive).collect();
    for bend in places.vendor.bends() {
        if let Bend::Drives(path) = bend {
            add(&mut found, own_drives(tree, system, path));
        }
    }
    if found.is_empty() {
        let simple = tree.members_of(system, "SimpleStorage").into_iter();
        found.extend(simple.flat_map(|each| doc::list(each, "Devices")).filter_map(drive));
    }
    found
}

fn drive(each: &Value) -> Option<Drive> {
    let size = doc::count(each, "CapacityBytes")
        .or_else(|| doc::count(each, "CapacityMiB").and_then(|mib| mib.checked_mul(MIB)))
        .unwrap_or(0);
    let drive = Drive {
        name: doc::first_of(each, &["Location", "Name", "Id"]),
        model: doc::first_of(each, &["Model", "PartNumber"]),
        serial: doc::owned(each, "SerialNumber"),
        size,
        media: doc::owned(each, "MediaType"),
        protocol: doc::first_of(each, &["Protocol", "InterfaceType"]),
        health: doc::health(each),
    };
    let known = !drive.model.is_empty() || !drive.serial.is_empty() || size > 0;
    (known && doc::present(each)).then_some(drive)
}

/// HPE's Smart Storage: controllers, each with its physical drives. It is served beside the standard's tree.
fn own_drives(tree: &Tree, system: &Value, path: &[&str]) -> Vec<Drive> {
    let Some((last, above)) = path.split_last() else { return Vec::new() };
    let Some(storage) = doc::at(system, above).and_then(|above| tree.follow(above, last)) else {
        return Vec::new();
    };
    let linked = |doc: &Value, field: &str| -> Vec<String> {
        doc.get("Links").and_then(|links| doc::link(links, field)).into_iter().collect()
    };
    let members = |paths: Vec<String>| -> Vec<&Value> {
        paths.iter().filter_map(|path| tree.get(path)).flat_map(|all| tree.members(all)).collect()
    };
    let controllers = members(linked(storage, "ArrayControllers"));
    let drives = controllers.into_iter().flat_map(|each| members(linked(each, "PhysicalDrives")));
    drives.filter_map(drive).collect()
}

/// Adds the drives that are not there yet.
fn add(found: &mut Vec<Drive>, more: Vec<Drive>) {
    for drive in more {
        if drive.serial.is_empty() || !found.iter().any(|known| known.serial == drive.serial) {
            found.push(drive);
        }
    }
}

fn interfaces(tree: &Tree, system: &Value, chassis: &[&Value]) -> Vec<Port> {
    let mut found: Vec<Port> = Vec::new();
    for each in tree.members_of(system, "EthernetInterfaces") {
        let mac = ["MACAddress", "PermanentMACAddress"].iter().find_map(|field| doc::text(each, field));
        found.extend(port(each, mac));
    }
    for adapter in chassis.iter().flat_map(|chassis| tree.members_of(chassis, "NetworkAdapters")) {
        for each in tree.members_of(adapter, "NetworkDeviceFunctions") {
            let ethernet = each.get("Ethernet").unwrap_or(each);
            let mac =
                ["PermanentMACAddress", "MACAddress"].iter().find_map(|field| doc::text(ethernet, field));
            found.extend(port(each, mac));
        }
        for each in tree.members_of(adapter, "NetworkPorts") {
            let macs = doc::texts(each, "AssociatedNetworkAddresses");
            found.extend(macs.into_iter().filter_map(|mac| port(each, Some(mac))));
        }
        for each in tree.members_of(adapter, "Ports") {
            let macs = each.get("Ethernet").map(|ethernet| doc::texts(ethernet, "AssociatedMACAddresses"));
            found.extend(macs.unwrap_or_default().into_iter().filter_map(|mac| port(each, Some(mac))));
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|port| seen.insert(port.mac.clone()));
    found
}

fn port(each: &Value, mac: Option<&str>) -> Option<Port> {
    let speed = doc::count(each, "SpeedMbps").or_else(|| {
        let gigabits = doc::number(each, "CurrentSpeedGbps")?;
        (gigabits > 0.0 && gigabits < 1e6).then_some((gigabits * 1000.0) as u64)
    });
    let link = doc::text(each, "LinkStatus").map(str::to_string);
    Some(Port {
        name: doc::first_of(each, &["Id", "Name"]),
        mac: colons(mac?)?,
        speed: speed.filter(|s| *s > 0),
        link,
    })
}

fn colons(text: &str) -> Option<String> {
    let digits: Vec<char> =
        text.chars().filter(char::is_ascii_hexdigit).map(|c| c.to_ascii_lowercase()).collect();
    // Infiniband has longer ones, and a port without an address has zeros.
    let real = digits.len() == 12 && digits.iter().any(|digit| *digit != '0');
    real.then(|| digits.chunks(2).map(|pair| pair.iter().collect()).collect::<Vec<String>>().join(":"))
}

fn firmware(tree: &Tree, places: &Places) -> Vec<Component> {
    let Some(service) = places.update.as_ref().and_then(|path| tree.get(path)) else { return Vec::new() };
    let idle = |id: &str| {
        places.vendor.bends().any(|bend| matches!(bend, Bend::NotRunning(start) if id.starts_with(start)))
    };
    let members = tree.members_of(service, "FirmwareInventory").into_iter();
    members
        .filter_map(|each| {
            let component = Component {
                id: doc::first_of(each, &["Id", "Name"]),
                name: doc::first_of(each, &["Name", "Id"]),
                version: doc::owned(each, "Version"),
                updateable: doc::flag(each, "Updateable").unwrap_or(false),
            };
            (!component.version.is_empty() && !idle(&component.id)).then_some(component)
        })
        .collect()
}

/// Each document once, by where it says it lies.
fn unique(docs: Vec<&Value>) -> Vec<&Value> {
    let mut seen = BTreeSet::new();
    docs.into_iter().filter(|doc| doc::id(doc).is_none_or(|id| seen.insert(id))).collect()
}

fn small(doc: &Value, field: &str) -> u32 {
    doc::count(doc, field).and_then(|count| count.try_into().ok()).unwrap_or(0)
}
