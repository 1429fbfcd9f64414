//! What a system is made of: processors, memory, storage with its drives, network interfaces. Pure.

use serde_json::{Value, json};

use super::super::board::Drive;
use super::document::{Document, Scene, enabled, link, links, nth};

pub fn find(scene: &Scene, path: &[&str]) -> Option<Document> {
    let identity = &scene.view.board.identity;
    let at = scene.system();
    let all = |name: &str, kind: &str, ids: Vec<String>| {
        Document::read_only(links(&format!("{at}/{name}"), kind, &format!("{name} Collection"), ids))
    };
    match scene.below_system(path)? {
        ["Processors"] => all("Processors", "Processor", numbers(identity.cpus as usize)),
        ["Processors", id] => processor(&at, id, identity.cpus),
        ["Memory"] => all("Memory", "Memory", vec!["1".into()]),
        ["Memory", "1"] => Document::read_only(module(&at, identity.memory_mb)),
        ["Storage"] => all("Storage", "Storage", vec!["1".into()]),
        ["Storage", "1"] => Document::read_only(storage(&at, identity.disks.len())),
        ["Storage", "1", "Drives", id] => {
            nth(&identity.disks, id).and_then(|(number, disk)| Document::read_only(drive(&at, number, disk)))
        }
        ["EthernetInterfaces"] => {
            all("EthernetInterfaces", "EthernetInterface", numbers(identity.macs.len()))
        }
        ["EthernetInterfaces", id] => {
            nth(&identity.macs, id).and_then(|(number, mac)| Document::read_only(interface(&at, number, mac)))
        }
        _ => None,
    }
}

fn numbers(count: usize) -> Vec<String> {
    (1..=count).map(|number| number.to_string()).collect()
}

/// A virtual CPU is a socket of its own.
fn processor(at: &str, id: &str, cpus: u32) -> Option<Document> {
    let number: u32 =
        id.parse().ok().filter(|number| (1..=cpus).contains(number) && number.to_string() == id)?;
    Document::read_only(json!({
        "@odata.id": format!("{at}/Processors/{number}"),
        "@odata.type": "#Processor.v1_18_0.Processor",
        "Id": id,
        "Name": format!("Processor {number}"),
        "Socket": format!("CPU {number}"),
        "ProcessorType": "CPU",
        "ProcessorArchitecture": "x86",
        "InstructionSet": "x86-64",
        "Manufacturer": "QEMU",
        "Model": "Virtual CPU",
        "TotalCores": 1,
        "TotalThreads": 1,
        "Status": enabled(),
    }))
}

fn module(at: &str, mb: u64) -> Value {
    json!({
        "@odata.id": format!("{at}/Memory/1"),
        "@odata.type": "#Memory.v1_19_0.Memory",
        "Id": "1",
        "Name": "Memory 1",
        "DeviceLocator": "DIMM 1",
        "MemoryType": "DRAM",
        "CapacityMiB": mb,
        "Manufacturer": "QEMU",
        "Status": enabled(),
    })
}

fn storage(at: &str, disks: usize) -> Value {
    let drives: Vec<Value> =
        numbers(disks).into_iter().map(|id| link(format!("{at}/Storage/1/Drives/{id}"))).collect();
    json!({
        "@odata.id": format!("{at}/Storage/1"),
        "@odata.type": "#Storage.v1_17_0.Storage",
        "Id": "1",
        "Name": "Local Storage",
        "Drives@odata.count": drives.len(),
        "Drives": drives,
        "Status": enabled(),
    })
}

fn drive(at: &str, number: usize, disk: &Drive) -> Value {
    let mut drive = json!({
        "@odata.id": format!("{at}/Storage/1/Drives/{number}"),
        "@odata.type": "#Drive.v1_20_0.Drive",
        "Id": number.to_string(),
        "Name": format!("Drive {number}"),
        "Manufacturer": "QEMU",
        "Model": format!("Virtual {} disk", disk.bus),
        "CapacityBytes": disk.bytes,
        "MediaType": "SSD",
        "Status": enabled(),
    });
    if !disk.serial.is_empty() {
        drive["SerialNumber"] = json!(disk.serial);
    }
    // There is no word for virtio.
    if let Some(protocol) = ["SATA", "NVMe"].iter().find(|word| disk.bus.eq_ignore_ascii_case(word)) {
        drive["Protocol"] = json!(protocol);
    }
    drive
}

fn interface(at: &str, number: usize, mac: &str) -> Value {
    json!({
        "@odata.id": format!("{at}/EthernetInterfaces/{number}"),
        "@odata.type": "#EthernetInterface.v1_12_3.EthernetInterface",
        "Id": number.to_string(),
        "Name": format!("NIC {number}"),
        "MACAddress": mac,
        "PermanentMACAddress": mac,
        "InterfaceEnabled": true,
        "LinkStatus": "LinkUp",
        "Status": enabled(),
    })
}
