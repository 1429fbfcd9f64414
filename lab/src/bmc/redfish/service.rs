//! The services beside the machine: sessions, accounts, tasks, firmware updates. Pure.

use serde_json::{Map, Value, json};

use super::document::{Document, Scene, enabled, link, links, nth, stamp};
use super::media::{file_name, is_address};
use super::message::{self, Message};
use super::request::Reply;
use super::session;

pub fn find(scene: &Scene, path: &[&str]) -> Option<Document> {
    let all = |name: &str, kind: &str, ids: Vec<String>| {
        links(&format!("/redfish/v1/{name}"), kind, &format!("{kind} Collection"), ids)
    };
    match path {
        ["SessionService"] => Document::with(sessions(scene), &["PATCH"]),
        ["SessionService", "Sessions"] => {
            let ids = scene.state.sessions.all().iter().map(|session| session.id.clone()).collect();
            Document::with(all("SessionService/Sessions", "Session", ids), &["POST"])
        }
        ["SessionService", "Sessions", id] => {
            Document::with(session::document(session::of(scene, id)?), &["DELETE"])
        }
        ["AccountService"] => Document::read_only(accounts()),
        ["AccountService", "Accounts"] => {
            let ids = (1..=scene.users.len()).map(|number| number.to_string()).collect();
            Document::read_only(all("AccountService/Accounts", "ManagerAccount", ids))
        }
        ["AccountService", "Accounts", id] => {
            let (_, user) = nth(scene.users, id)?;
            Document::read_only(account(id, &user.name))
        }
        ["AccountService", "Roles"] => {
            let roles = ROLES.iter().map(|(name, _)| name.to_string()).collect();
            Document::read_only(all("AccountService/Roles", "Role", roles))
        }
        ["AccountService", "Roles", id] => {
            let (name, privileges) = ROLES.iter().find(|(name, _)| name == id)?;
            Document::read_only(role(name, privileges))
        }
        ["TaskService"] => Document::read_only(tasks(scene)),
        ["TaskService", "Tasks"] => {
            let ids = scene.state.tasks.all().iter().map(|task| task.id.clone()).collect();
            Document::read_only(all("TaskService/Tasks", "Task", ids))
        }
        ["TaskService", "Tasks", id] => Document::read_only(scene.state.tasks.get(id)?.document()),
        ["UpdateService"] => Document::read_only(updates()),
        ["UpdateService", "FirmwareInventory"] => {
            let ids = vec!["BMC".into(), "BIOS".into()];
            Document::read_only(all("UpdateService/FirmwareInventory", "SoftwareInventory", ids))
        }
        ["UpdateService", "FirmwareInventory", "BMC"] => {
            Document::read_only(software("BMC", &scene.state.version, true))
        }
        ["UpdateService", "FirmwareInventory", "BIOS"] => {
            let version = if scene.view.board.identity.uefi { "UEFI" } else { "BIOS" };
            Document::read_only(software("BIOS", version, false))
        }
        _ => None,
    }
}

/// The standard roles (DSP0266, 13.5.1). All users have the first.
const ROLES: [(&str, &[&str]); 3] = [
    (
        "Administrator",
        &["Login", "ConfigureManager", "ConfigureUsers", "ConfigureComponents", "ConfigureSelf"],
    ),
    ("Operator", &["Login", "ConfigureComponents", "ConfigureSelf"]),
    ("ReadOnly", &["Login", "ConfigureSelf"]),
];

fn sessions(scene: &Scene) -> Value {
    json!({
        "@odata.id": "/redfish/v1/SessionService",
        "@odata.type": "#SessionService.v1_1_9.SessionService",
        "Id": "SessionService",
        "Name": "Session Service",
        "ServiceEnabled": true,
        "SessionTimeout": scene.state.sessions.timeout,
        "Status": enabled(),
        "Sessions": link("/redfish/v1/SessionService/Sessions"),
    })
}

/// The seconds that a change of the session service asks for.
pub fn timeout(members: &Map<String, Value>) -> Result<u64, Reply> {
    let refuse = |name: &str, arguments: &[&str]| Err(message::error(400, &[Message::base(name, arguments)]));
    if let Some(name) = members.keys().find(|name| *name != "SessionTimeout") {
        return refuse("PropertyUnknown", &[name]);
    }
    let Some(value) = members.get("SessionTimeout") else {
        return refuse("PropertyMissing", &["SessionTimeout"]);
    };
    match value.as_u64() {
        Some(seconds) if (session::SHORTEST..=session::LONGEST).contains(&seconds) => Ok(seconds),
        Some(_) => refuse("PropertyValueOutOfRange", &[&value.to_string(), "SessionTimeout"]),
        None => refuse("PropertyValueTypeError", &[&value.to_string(), "SessionTimeout"]),
    }
}

fn accounts() -> Value {
    json!({
        "@odata.id": "/redfish/v1/AccountService",
        "@odata.type": "#AccountService.v1_15_1.AccountService",
        "Id": "AccountService",
        "Name": "Account Service",
        "ServiceEnabled": true,
        "Status": enabled(),
        "Accounts": link("/redfish/v1/AccountService/Accounts"),
        "Roles": link("/redfish/v1/AccountService/Roles"),
    })
}

fn account(id: &str, name: &str) -> Value {
    json!({
        "@odata.id": format!("/redfish/v1/AccountService/Accounts/{id}"),
        "@odata.type": "#ManagerAccount.v1_12_1.ManagerAccount",
        "Id": id,
        "Name": "User Account",
        "UserName": name,
        "Password": null,
        "Enabled": true,
        "Locked": false,
        "AccountTypes": ["Redfish"],
        "RoleId": ROLES[0].0,
        "Links": {"Role": link(format!("/redfish/v1/AccountService/Roles/{}", ROLES[0].0))},
    })
}

fn role(name: &str, privileges: &[&str]) -> Value {
    json!({
        "@odata.id": format!("/redfish/v1/AccountService/Roles/{name}"),
        "@odata.type": "#Role.v1_3_1.Role",
        "Id": name,
        "Name": "User Role",
        "RoleId": name,
        "IsPredefined": true,
        "AssignedPrivileges": privileges,
    })
}

fn tasks(scene: &Scene) -> Value {
    json!({
        "@odata.id": "/redfish/v1/TaskService",
        "@odata.type": "#TaskService.v1_2_0.TaskService",
        "Id": "TaskService",
        "Name": "Task Service",
        "ServiceEnabled": true,
        "CompletedTaskOverWritePolicy": "Oldest",
        "LifeCycleEventOnTaskStateChange": false,
        "DateTime": stamp(scene.view.now),
        "Status": enabled(),
        "Tasks": link("/redfish/v1/TaskService/Tasks"),
    })
}

fn updates() -> Value {
    json!({
        "@odata.id": "/redfish/v1/UpdateService",
        "@odata.type": "#UpdateService.v1_14_0.UpdateService",
        "Id": "UpdateService",
        "Name": "Update Service",
        "ServiceEnabled": true,
        "Status": enabled(),
        "FirmwareInventory": link("/redfish/v1/UpdateService/FirmwareInventory"),
        "Actions": {"#UpdateService.SimpleUpdate": {
            "target": "/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate",
            "TransferProtocol@Redfish.AllowableValues": PROTOCOLS,
        }},
    })
}

const PROTOCOLS: [&str; 2] = ["HTTP", "HTTPS"];

fn software(id: &str, version: &str, updateable: bool) -> Value {
    json!({
        "@odata.id": format!("/redfish/v1/UpdateService/FirmwareInventory/{id}"),
        "@odata.type": "#SoftwareInventory.v1_10_2.SoftwareInventory",
        "Id": id,
        "Name": format!("{id} firmware"),
        "Version": version,
        "Updateable": updateable,
        "Status": enabled(),
    })
}

/// What a `SimpleUpdate` is of: the version that the BMC has afterwards, or what goes wrong with it. A file is known
/// by its name, `bmc-2.17.bin`, and is not fetched.
pub fn update(members: &Map<String, Value>) -> Result<Result<String, Message>, Reply> {
    let action = "UpdateService.SimpleUpdate";
    let refuse = |name: &str, arguments: &[&str]| Err(message::error(400, &[Message::base(name, arguments)]));
    let known =
        ["ImageURI", "TransferProtocol", "Targets", "Username", "Password", "@Redfish.OperationApplyTime"];
    if let Some(name) = members.keys().find(|name| !known.contains(&name.as_str())) {
        return refuse("ActionParameterUnknown", &[action, name]);
    }
    let Some(image) = members.get("ImageURI") else {
        return refuse("ActionParameterMissing", &[action, "ImageURI"]);
    };
    let Some(image) = image.as_str().filter(|image| is_address(image)) else {
        return refuse("ActionParameterValueTypeError", &[&image.to_string(), "ImageURI", action]);
    };
    if let Some(protocol) = members.get("TransferProtocol").and_then(Value::as_str)
        && !PROTOCOLS.contains(&protocol)
    {
        return refuse("ActionParameterValueNotInList", &[protocol, "TransferProtocol", action]);
    }
    let name = file_name(image);
    let version = name.rsplit_once('.').and_then(|(name, end)| {
        let firmware = ["bin", "hpm", "fwpkg", "img", "exe"].contains(&end.to_ascii_lowercase().as_str());
        firmware.then(|| name.rsplit('-').next().unwrap_or(name).to_string())
    });
    Ok(version
        .ok_or_else(|| Message::named("Update.1.1.VerificationFailed", &[name, "/redfish/v1/Managers"])))
}
