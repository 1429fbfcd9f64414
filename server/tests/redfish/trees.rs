//! Trees as five vendors serve them: what they hold arrives whole. `UPDATE_GOLDEN=1` rewrites what is read from them;
//! where they come from is in `tests/data/redfish/README.md`.

use std::collections::{BTreeMap, BTreeSet};

use api::bmc::hardware::Hardware;
use api::bmc::{Fault, PowerAction};
use serde_json::{Value, json};
use server::bmc::redfish::{Identity, Places, Tree, ask, places};

pub type Documents = BTreeMap<String, Value>;

pub const VENDORS: [&str; 5] = ["ami", "dell", "hpe", "lenovo", "supermicro"];

pub fn documents(vendor: &str) -> Documents {
    serde_json::from_str(&std::fs::read_to_string(path(vendor, "tree.json")).unwrap()).unwrap()
}

/// Answers a question from documents, as the driver does from a BMC. With it: how many were read.
pub fn walk<T>(
    documents: &Documents,
    question: impl Fn(&Tree) -> Result<T, Fault>,
) -> (Result<T, Fault>, usize) {
    let mut tree = Tree::default();
    loop {
        let answer = question(&tree);
        let missed = tree.take_missed();
        if missed.is_empty() {
            return (answer, tree.size());
        }
        for path in missed {
            let read = documents.get(&path).cloned();
            tree.insert(path, read.ok_or(Fault::Unsupported("answered 404".into())));
        }
    }
}

pub fn found(documents: &Documents) -> Places {
    walk(documents, |tree| places(tree, &Identity::default())).0.unwrap()
}

fn hardware(documents: &Documents) -> Hardware {
    let places = found(documents);
    walk(documents, |tree| ask::hardware(tree, &places)).0.unwrap()
}

fn path(vendor: &str, name: &str) -> String {
    format!("{}/../tests/data/redfish/{vendor}/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn what_is_read_from_each_is_what_was_looked_at() {
    for vendor in VENDORS {
        let documents = documents(vendor);
        let places = found(&documents);
        let reset = |action| {
            let system = |tree: &Tree| ask::reset(tree, tree.need(&places.system)?, action);
            walk(&documents, system).0.map_or_else(|fault| fault.to_string(), |way| format!("{way:?}"))
        };
        let ask = |name: &str| match name {
            "sensors" => json!(walk(&documents, |tree| Ok(ask::sensors(tree, &places))).0.unwrap()),
            "log" => json!(walk(&documents, |tree| Ok(ask::log(tree, &places))).0.unwrap()),
            _ => json!(walk(&documents, |tree| Ok(ask::draw(tree, &places))).0.unwrap()),
        };
        let read = json!({
            "places": format!("{places:?}"),
            "hardware": hardware(&documents),
            "sensors": ask("sensors"),
            "log": ask("log"),
            "draw": ask("draw"),
            "boot": format!("{:?}", walk(&documents, |tree| ask::boot(tree, &places)).0.unwrap()),
            "shutdown": reset(PowerAction::Shutdown),
            "cycle": reset(PowerAction::Cycle),
        });
        let text = serde_json::to_string_pretty(&read).unwrap() + "\n";
        let path = path(vendor, "read.json");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(text == expected, "{path} differs: UPDATE_GOLDEN=1 rewrites it, then read the difference");
    }
}

/// By what the documents are, not by how they are linked: nothing that is there stays behind.
#[test]
fn every_part_of_a_tree_arrives() {
    for vendor in VENDORS {
        let documents = documents(vendor);
        let hardware = hardware(&documents);
        let serials = |kinds: &[&str]| -> BTreeSet<String> { texts(&documents, kinds, "SerialNumber") };
        let drives: BTreeSet<String> = hardware.drives.iter().map(|drive| drive.serial.clone()).collect();
        assert_eq!(drives, serials(&["Drive", "HpeSmartStorageDiskDrive"]), "{vendor}");
        assert_eq!(hardware.drives.len(), drives.len(), "{vendor}: a drive came twice");
        let modules: BTreeSet<String> = hardware.modules.iter().map(|module| module.serial.clone()).collect();
        assert_eq!(modules, serials(&["Memory"]), "{vendor}");
        let sum: u64 = hardware.modules.iter().map(|module| module.size).sum();
        assert_eq!(Some(sum), hardware.memory, "{vendor}: the modules are all of the memory");
        let sockets = of_kind(&documents, &["Processor"]).count();
        assert_eq!(hardware.processors.len(), sockets, "{vendor}");
        assert!(hardware.processors.iter().all(|each| !each.model.is_empty()), "{vendor}");
        let macs: BTreeSet<String> =
            hardware.interfaces.iter().map(|port| port.mac.replace(':', "")).collect();
        assert_eq!(macs, addresses(&documents), "{vendor}");
        assert!(hardware.drives.iter().all(|drive| drive.size > 0), "{vendor}");
        assert_eq!(hardware.unread, [""; 0], "{vendor}");
        assert!(!hardware.system.serial.is_empty() && !hardware.bmc.version.is_empty(), "{vendor}");
    }
}

fn of_kind<'a>(documents: &'a Documents, kinds: &'a [&str]) -> impl Iterator<Item = &'a Value> {
    documents.values().filter(move |document| {
        let kind = document["@odata.type"].as_str().unwrap_or_default();
        let named = kinds.iter().any(|name| kind.starts_with(&format!("#{name}.")));
        named && document["Status"]["State"] != "Absent"
    })
}

fn texts(documents: &Documents, kinds: &[&str], field: &str) -> BTreeSet<String> {
    of_kind(documents, kinds).map(|document| document[field].as_str().unwrap_or_default().into()).collect()
}

/// Every MAC address in documents of network hardware, wherever it stands.
fn addresses(documents: &Documents) -> BTreeSet<String> {
    let kinds = ["EthernetInterface", "NetworkPort", "Port", "NetworkDeviceFunction"];
    let mut found = BTreeSet::new();
    for document in of_kind(documents, &kinds) {
        let fields = [
            &document["MACAddress"],
            &document["AssociatedNetworkAddresses"][0],
            &document["Ethernet"]["MACAddress"],
            &document["Ethernet"]["AssociatedMACAddresses"][0],
        ];
        let macs = fields.iter().filter_map(|field| field.as_str());
        found.extend(macs.map(|mac| mac.to_lowercase().replace([':', '-'], "")));
    }
    found
}
