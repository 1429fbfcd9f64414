//! The BMC itself, as the tree shows it. Pure.

use serde_json::{Value, json};

use super::document::{Document, Scene, enabled, link, stamp};
use super::system::action_info;
use super::vendor::{Owner, Values};

pub fn find(scene: &Scene, path: &[&str]) -> Option<Document> {
    let manners = scene.manners;
    match scene.below_manager(path)? {
        [] => Document::read_only(manager(scene)),
        ["ResetActionInfo"] if info(scene) => {
            let path = format!("{}/ResetActionInfo", scene.manager());
            Document::read_only(action_info(&path, manners.manager_resets))
        }
        _ => None,
    }
}

/// A service whose restart takes no word has no document of words.
fn info(scene: &Scene) -> bool {
    scene.manners.values == Values::Info && !scene.manners.manager_resets.is_empty()
}

fn manager(scene: &Scene) -> Value {
    let at = scene.manager();
    let target = format!("{at}/Actions/Manager.Reset");
    let reset = match scene.manners.manager_resets {
        [] => json!({"target": target}),
        _ if info(scene) => json!({"target": target, "@Redfish.ActionInfo": format!("{at}/ResetActionInfo")}),
        words => json!({"target": target, "ResetType@Redfish.AllowableValues": words}),
    };
    let mut manager = json!({
        "@odata.id": at,
        "@odata.type": "#Manager.v1_19_1.Manager",
        "Id": scene.manners.manager,
        "Name": "Manager",
        "ManagerType": "BMC",
        "Model": "Virtual BMC",
        "FirmwareVersion": scene.state.version,
        "DateTime": stamp(scene.view.now),
        "Status": enabled(),
        "Links": {
            "ManagerForServers": [link(scene.system())],
            "ManagerForChassis": [link(scene.chassis())],
        },
        "Actions": {"#Manager.Reset": reset},
    });
    for (owner, name) in [(scene.manners.log.0, "LogServices"), (scene.manners.media.0, "VirtualMedia")] {
        if owner == Owner::Manager {
            manager[name] = link(format!("{at}/{name}"));
        }
    }
    manager
}
