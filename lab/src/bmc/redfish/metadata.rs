//! The two documents by which OData clients find their way (DSP0266, 8.4): `$metadata` and `odata`. Pure.

use serde_json::{Value, json};

/// Each type that the tree has, with the versions that it has it in.
const TYPES: &[(&str, &[&str])] = &[
    ("AccountService", &["v1_15_1"]),
    ("ActionInfo", &["v1_4_2"]),
    ("Chassis", &["v1_25_0"]),
    ("ChassisCollection", &[]),
    ("ComputerSystem", &["v1_20_0"]),
    ("ComputerSystemCollection", &[]),
    ("Drive", &["v1_20_0"]),
    ("EnvironmentMetrics", &["v1_3_2"]),
    ("EthernetInterface", &["v1_12_3"]),
    ("EthernetInterfaceCollection", &[]),
    ("LogEntry", &["v1_16_0"]),
    ("LogEntryCollection", &[]),
    ("LogService", &["v1_7_0"]),
    ("LogServiceCollection", &[]),
    ("Manager", &["v1_19_1"]),
    ("ManagerAccount", &["v1_12_1"]),
    ("ManagerAccountCollection", &[]),
    ("ManagerCollection", &[]),
    ("Memory", &["v1_19_0"]),
    ("MemoryCollection", &[]),
    ("Message", &["v1_2_1"]),
    ("Power", &["v1_7_3"]),
    ("PowerSubsystem", &["v1_1_3"]),
    ("Processor", &["v1_18_0"]),
    ("ProcessorCollection", &[]),
    ("Role", &["v1_3_1"]),
    ("RoleCollection", &[]),
    ("Sensor", &["v1_9_0"]),
    ("SensorCollection", &[]),
    ("ServiceRoot", &["v1_17_0"]),
    ("Session", &["v1_7_0"]),
    ("SessionCollection", &[]),
    ("SessionService", &["v1_1_9"]),
    ("Settings", &["v1_3_5"]),
    ("SoftwareInventory", &["v1_10_2"]),
    ("SoftwareInventoryCollection", &[]),
    ("Storage", &["v1_17_0"]),
    ("StorageCollection", &[]),
    ("Task", &["v1_7_4"]),
    ("TaskCollection", &[]),
    ("TaskService", &["v1_2_0"]),
    ("Thermal", &["v1_7_3"]),
    ("ThermalMetrics", &["v1_3_2"]),
    ("ThermalSubsystem", &["v1_3_3"]),
    ("UpdateService", &["v1_14_0"]),
    ("VirtualMedia", &["v1_6_3"]),
    ("VirtualMediaCollection", &[]),
];

pub fn metadata() -> String {
    let references: String = TYPES.iter().map(|(name, versions)| reference(name, versions)).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <edmx:Edmx xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\" Version=\"4.0\">\n\
         {references}\
         <edmx:DataServices>\n\
         <Schema xmlns=\"http://docs.oasis-open.org/odata/ns/edm\" Namespace=\"Service\">\n\
         <EntityContainer Name=\"Service\" Extends=\"ServiceRoot.v1_17_0.ServiceContainer\"/>\n\
         </Schema>\n\
         </edmx:DataServices>\n\
         </edmx:Edmx>\n"
    )
}

fn reference(name: &str, versions: &[&str]) -> String {
    let plain = format!("<edmx:Include Namespace=\"{name}\"/>\n");
    let versions: String =
        versions.iter().map(|version| format!("<edmx:Include Namespace=\"{name}.{version}\"/>\n")).collect();
    format!(
        "<edmx:Reference Uri=\"http://redfish.dmtf.org/schemas/v1/{name}_v1.xml\">\n{plain}{versions}\
         </edmx:Reference>\n"
    )
}

/// The service document: the root's links, as OData names them.
pub fn odata() -> Value {
    let names = ["Systems", "Chassis", "Managers", "SessionService", "AccountService", "UpdateService"];
    let mut all: Vec<Value> = names
        .iter()
        .map(|name| json!({"name": name, "kind": "Singleton", "url": format!("/redfish/v1/{name}")}))
        .collect();
    all.push(json!({"name": "Service", "kind": "Singleton", "url": "/redfish/v1/"}));
    all.push(json!({"name": "Tasks", "kind": "Singleton", "url": "/redfish/v1/TaskService"}));
    all.push(json!({"name": "Sessions", "kind": "Singleton", "url": "/redfish/v1/SessionService/Sessions"}));
    json!({"@odata.context": "/redfish/v1/$metadata", "value": all})
}

/// Whether a document's type is among those that `$metadata` tells of.
#[cfg(test)]
pub fn tells_of(kind: &str) -> bool {
    let parts: Vec<&str> = kind.trim_start_matches('#').split('.').collect();
    TYPES.iter().any(|(name, versions)| match parts.as_slice() {
        [one, _] => one == name && versions.is_empty(),
        [one, version, _] => one == name && versions.contains(version),
        _ => false,
    })
}
