//! The service root, and the collections that hang below it with one member each. Pure.

use serde_json::{Value, json};

use super::document::{Document, Scene, link, links};

pub fn find(scene: &Scene, path: &[&str]) -> Option<Document> {
    let manners = scene.manners;
    let one = |kind: &str, name: &str, id: &str| {
        let path = format!("/redfish/v1/{}", path[0]);
        Document::read_only(links(&path, kind, name, [id.to_string()]))
    };
    match path {
        [] => Document::read_only(root(scene)),
        ["Systems"] => one("ComputerSystem", "Computer System Collection", manners.system),
        ["Chassis"] => one("Chassis", "Chassis Collection", manners.chassis),
        ["Managers"] => one("Manager", "Manager Collection", manners.manager),
        _ => None,
    }
}

fn root(scene: &Scene) -> Value {
    let to = |name: &str| link(format!("/redfish/v1/{name}"));
    let mut root = json!({
        "@odata.id": "/redfish/v1/",
        "@odata.type": "#ServiceRoot.v1_17_0.ServiceRoot",
        "Id": "RootService",
        "Name": "Root Service",
        "RedfishVersion": "1.18.0",
        "UUID": scene.view.board.identity.uuid,
        "Systems": to("Systems"),
        "Chassis": to("Chassis"),
        "Managers": to("Managers"),
        "SessionService": to("SessionService"),
        "AccountService": to("AccountService"),
        "UpdateService": to("UpdateService"),
        "Tasks": to("TaskService"),
        "Links": {"Sessions": to("SessionService/Sessions")},
        "ProtocolFeaturesSupported": {
            "DeepOperations": {"DeepPATCH": false, "DeepPOST": false},
            "ExcerptQuery": false,
            "ExpandQuery": {"ExpandAll": false, "Levels": false, "Links": false, "NoLinks": false},
            "FilterQuery": false,
            "OnlyMemberQuery": false,
            "SelectQuery": false,
            "TopSkipQuery": false,
        },
    });
    for (field, word) in [("Vendor", scene.manners.vendor), ("Product", scene.manners.product)] {
        if !word.is_empty() {
            root[field] = json!(word);
        }
    }
    if let Some(oem) = scene.manners.oem {
        root["Oem"] = json!({oem: {}});
    }
    root
}

/// `/redfish`: the versions of the protocol, each with its root.
pub fn versions() -> Value {
    json!({"v1": "/redfish/v1/"})
}
