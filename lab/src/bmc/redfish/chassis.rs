//! The chassis, and where its readings lie. Pure.

use serde_json::{Value, json};

use super::document::{Document, Scene, enabled, link};
use super::system;

pub fn find(scene: &Scene, path: &[&str]) -> Option<Document> {
    match scene.below_chassis(path)? {
        [] => Document::with(chassis(scene), &["PATCH"]),
        _ => None,
    }
}

fn chassis(scene: &Scene) -> Value {
    let identity = &scene.view.board.identity;
    let at = scene.chassis();
    let mut chassis = json!({
        "@odata.id": at,
        "@odata.type": "#Chassis.v1_25_0.Chassis",
        "Id": scene.manners.chassis,
        "Name": "Computer System Chassis",
        "ChassisType": "RackMount",
        "Manufacturer": identity.vendor,
        "Model": identity.product,
        "SerialNumber": identity.serial,
        "AssetTag": identity.asset,
        "PowerState": scene.power().map(|power| format!("{power:?}")),
        "Status": enabled(),
        "Links": {"ComputerSystems": [link(scene.system())], "ManagedBy": [link(scene.manager())]},
    });
    let readings: &[&str] = match scene.manners.old_sensing {
        true => &["Power", "Thermal"],
        false => &["PowerSubsystem", "ThermalSubsystem", "EnvironmentMetrics", "Sensors"],
    };
    for name in readings {
        chassis[*name] = link(format!("{at}/{name}"));
    }
    system::light(&mut chassis, scene.manners.light, scene.view.board.light);
    chassis
}
