//! Whatever a BMC answers in JSON, every question to it comes to an end: what the fuzz target of Redfish does with bytes.
//! Pure.

use api::bmc::{BootOnce, Fault, FirmwareMode, PowerAction};
use serde_json::{Value, json};

use super::action::{self, Way};
use super::answer::{Answer, monitor, progress};
use super::boot::{self, Wish};
use super::places::{Identity, Places, places};
use super::tree::Tree;
use super::{DOCUMENTS, console, inventory, log, media, sensors};

/// Those that mean something else than "done" and "failed" are among them.
const STATUSES: [u16; 9] = [200, 202, 400, 401, 404, 410, 412, 428, 503];
const IMAGE: &str = "http://10.77.0.1:8080/boot/image.iso";

/// Documents by their paths, as of `tests/data/redfish/*/tree.json`, or one document that is found wherever the links of a
/// small tree lead, and its own. It is an answer to a request as well.
pub fn json(bytes: &[u8]) {
    let Ok(said) = serde_json::from_slice::<Value>(bytes) else { return };
    for status in STATUSES {
        answered(&Answer { status, body: said.clone(), ..Answer::default() });
    }
    let Some(places) = walk(&said, |tree| places(tree, &Identity::default())) else { return };
    let _ = walk(&said, |tree| inventory::hardware(tree, &places));
    let _ = walk(&said, |tree| Ok(sensors::sensors(tree, &places)));
    let _ = walk(&said, |tree| Ok(sensors::draw(tree, &places)));
    let _ = walk(&said, |tree| Ok(log::log(tree, &places)));
    let _ = walk(&said, |tree| Ok(console::elsewhere(tree, &places, ("10.77.0.201", "root"))));
    power(&said, &places);
    override_of(&said, &places);
    let _ = walk(&said, |tree| media::insert(tree, &places, IMAGE));
    let _ = walk(&said, |tree| media::eject(tree, &places));
    let _ = walk(&said, |tree| media::update(tree, &places, IMAGE));
}

/// What a BMC says of itself ends up on pages and in logs: in bounds, and without what moves a terminal's cursor.
fn answered(answer: &Answer) {
    let words = answer.words();
    assert!(words.chars().count() <= 300 && !words.contains(char::is_control), "{words:?}");
    let _ = (answer.condition(), answer.no_more_sessions(), monitor(answer), progress(answer));
    if !answer.taken() {
        let _ = answer.fault("/redfish/v1/");
    }
}

/// A machine that is to be shut down is not cut off, whatever its BMC offers.
fn power(said: &Value, places: &Places) {
    for wanted in [PowerAction::On, PowerAction::Shutdown, PowerAction::Off, PowerAction::Cycle] {
        let way = walk(said, |tree| action::reset(tree, tree.need(&places.system)?, wanted));
        let calls = match &way {
            Some(Way::Reset(calls)) if wanted == PowerAction::Shutdown => calls.as_slice(),
            _ => &[],
        };
        assert!(calls.iter().all(|call| call.body["ResetType"] != "ForceOff"), "a graceful wish: {way:?}");
    }
    if let Some(manager) = &places.manager {
        let _ = walk(said, |tree| action::reset_manager(tree, tree.need(manager)?));
    }
    let _ = walk(said, |tree| {
        let paths = std::iter::once(&places.system).chain(&places.chassis);
        let docs: Vec<_> = paths.filter_map(|path| Some((path.as_str(), tree.get(path)?))).collect();
        action::identify(&docs, true)
    });
}

fn override_of(said: &Value, places: &Places) {
    let read = walk(said, |tree| boot::read(tree, places));
    for (target, mode) in [(BootOnce::Network, FirmwareMode::Uefi), (BootOnce::Disk, FirmwareMode::Bios)] {
        let wish = Wish { target, mode };
        let _ = walk(said, |tree| boot::writes(tree, places, wish));
        let _ = read.as_ref().map(|read| boot::judge(read, places, wish));
    }
    let _ = walk(said, |tree| boot::clears(tree, places));
}

/// As the driver asks a BMC; None where there is no answer, or the tree has no end.
fn walk<T>(said: &Value, question: impl Fn(&Tree) -> Result<T, Fault>) -> Option<T> {
    let by_path = said.as_object().filter(|all| all.keys().any(|key| key.starts_with("/redfish")));
    let mut tree = Tree::default();
    loop {
        let answer = question(&tree);
        let missed = tree.take_missed();
        if missed.is_empty() {
            return answer.ok();
        }
        for path in missed {
            if tree.size() >= DOCUMENTS {
                return None;
            }
            let document = match by_path {
                Some(all) => all.get(&path).cloned(),
                None => Some(around(&path).unwrap_or_else(|| said.clone())),
            };
            tree.insert(path, document.ok_or_else(|| Fault::Unsupported("answered 404".into())));
        }
    }
}

/// What leads to a document that comes alone.
fn around(path: &str) -> Option<Value> {
    let link = |to: &str| json!({"@odata.id": format!("/redfish/v1/{to}")});
    let member = |of: &str| Some(json!({"Members": [link(&format!("{of}/1"))]}));
    match path.trim_end_matches('/').strip_prefix("/redfish/v1")? {
        "" => Some(json!({
            "Systems": link("Systems"),
            "Managers": link("Managers"),
            "Chassis": link("Chassis"),
            "UpdateService": link("UpdateService"),
        })),
        "/Systems" => member("Systems"),
        "/Managers" => member("Managers"),
        "/Chassis" => member("Chassis"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_comes_alone_is_asked_everything() {
        let said = json!({"SerialNumber": "SN-7", "PowerState": "On", "Memory": {"@odata.id": "/elsewhere"}});
        let places = walk(&said, |tree| places(tree, &Identity::default())).unwrap();
        let hardware = walk(&said, |tree| inventory::hardware(tree, &places)).unwrap();
        assert_eq!(hardware.system.serial, "SN-7");
        json(said.to_string().as_bytes());
    }
}
