//! Temperatures, fans, voltages and power, in the documents that all services had (`Power`, `Thermal`), or in those that
//! replace them since 2020. Pure.

use serde_json::{Value, json};

use super::super::board::{Quantity, Sensor};
use super::document::{Document, Scene, enabled, link, links};

pub fn find(scene: &Scene, path: &[&str]) -> Option<Document> {
    let at = scene.chassis();
    let sensors = &scene.view.board.sensors;
    let old = scene.manners.old_sensing;
    match scene.below_chassis(path)? {
        ["Power"] if old => Document::read_only(power(&at, sensors)),
        ["Thermal"] if old => Document::read_only(thermal(&at, sensors)),
        ["Sensors"] if !old => {
            let ids = sensors.iter().map(id);
            Document::read_only(links(&format!("{at}/Sensors"), "Sensor", "Sensors Collection", ids))
        }
        ["Sensors", wanted] if !old => {
            let sensor = sensors.iter().find(|each| id(each) == *wanted)?;
            Document::read_only(document(&at, sensor))
        }
        ["PowerSubsystem"] if !old => Document::read_only(subsystem(&at, "PowerSubsystem", "v1_1_3")),
        ["ThermalSubsystem"] if !old => {
            let mut body = subsystem(&at, "ThermalSubsystem", "v1_3_3");
            body["ThermalMetrics"] = link(format!("{at}/ThermalSubsystem/ThermalMetrics"));
            Document::read_only(body)
        }
        ["ThermalSubsystem", "ThermalMetrics"] if !old => Document::read_only(metrics(&at, sensors)),
        ["EnvironmentMetrics"] if !old => Document::read_only(environment(&at, sensors)),
        _ => None,
    }
}

fn of(sensors: &[Sensor], kind: Quantity) -> impl Iterator<Item = &Sensor> {
    sensors.iter().filter(move |sensor| sensor.kind == kind)
}

fn power(at: &str, sensors: &[Sensor]) -> Value {
    let here = format!("{at}/Power");
    let control = of(sensors, Quantity::Watts).enumerate().map(|(number, sensor)| {
        let mut each = member(&here, "PowerControl", number, sensor);
        each["PowerConsumedWatts"] = json!(sensor.value);
        each
    });
    let volts = of(sensors, Quantity::Volts).enumerate().map(|(number, sensor)| {
        let mut each = member(&here, "Voltages", number, sensor);
        each["ReadingVolts"] = json!(sensor.value);
        threshold(&mut each, sensor.upper_critical);
        each
    });
    json!({
        "@odata.id": here,
        "@odata.type": "#Power.v1_7_3.Power",
        "Id": "Power",
        "Name": "Power",
        "PowerControl": control.collect::<Vec<_>>(),
        "Voltages": volts.collect::<Vec<_>>(),
    })
}

fn thermal(at: &str, sensors: &[Sensor]) -> Value {
    let here = format!("{at}/Thermal");
    let degrees = of(sensors, Quantity::Celsius).enumerate().map(|(number, sensor)| {
        let mut each = member(&here, "Temperatures", number, sensor);
        each["ReadingCelsius"] = json!(sensor.value);
        threshold(&mut each, sensor.upper_critical);
        each
    });
    let fans = of(sensors, Quantity::Rpm).enumerate().map(|(number, sensor)| {
        let mut each = member(&here, "Fans", number, sensor);
        // A whole number (DSP0268, Thermal).
        each["Reading"] = json!(sensor.value.map(|rpm| rpm.round() as i64));
        each["ReadingUnits"] = json!("RPM");
        each
    });
    json!({
        "@odata.id": here,
        "@odata.type": "#Thermal.v1_7_3.Thermal",
        "Id": "Thermal",
        "Name": "Thermal",
        "Temperatures": degrees.collect::<Vec<_>>(),
        "Fans": fans.collect::<Vec<_>>(),
    })
}

fn member(here: &str, array: &str, number: usize, sensor: &Sensor) -> Value {
    json!({
        "@odata.id": format!("{here}#/{array}/{number}"),
        "MemberId": number.to_string(),
        "Name": sensor.name,
        "Status": status(sensor),
    })
}

fn threshold(each: &mut Value, upper: Option<f64>) {
    if let Some(upper) = upper {
        each["UpperThresholdCritical"] = json!(upper);
    }
}

fn status(sensor: &Sensor) -> Value {
    let above = sensor.value.zip(sensor.upper_critical).is_some_and(|(value, upper)| value > upper);
    match sensor.value {
        None => json!({"State": "UnavailableOffline"}),
        Some(_) if above => json!({"State": "Enabled", "Health": "Critical"}),
        Some(_) => enabled(),
    }
}

/// Of a name such as `CPU Temp`, what a path may hold.
fn id(sensor: &Sensor) -> String {
    sensor.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

fn document(at: &str, sensor: &Sensor) -> Value {
    // UCUM's codes.
    let (kind, units) = match sensor.kind {
        Quantity::Celsius => ("Temperature", "Cel"),
        Quantity::Rpm => ("Rotational", "{rev}/min"),
        Quantity::Watts => ("Power", "W"),
        Quantity::Volts => ("Voltage", "V"),
    };
    let mut body = json!({
        "@odata.id": format!("{at}/Sensors/{}", id(sensor)),
        "@odata.type": "#Sensor.v1_9_0.Sensor",
        "Id": id(sensor),
        "Name": sensor.name,
        "ReadingType": kind,
        "ReadingUnits": units,
        "Reading": sensor.value,
        "Status": status(sensor),
    });
    if let Some(upper) = sensor.upper_critical {
        body["Thresholds"] = json!({"UpperCritical": {"Reading": upper}});
    }
    body
}

fn subsystem(at: &str, name: &str, version: &str) -> Value {
    json!({
        "@odata.id": format!("{at}/{name}"),
        "@odata.type": format!("#{name}.{version}.{name}"),
        "Id": name,
        "Name": name,
        "Status": enabled(),
    })
}

fn metrics(at: &str, sensors: &[Sensor]) -> Value {
    let degrees = of(sensors, Quantity::Celsius).map(|sensor| {
        let mut each = excerpt(at, sensor);
        each["DeviceName"] = json!(sensor.name);
        each
    });
    json!({
        "@odata.id": format!("{at}/ThermalSubsystem/ThermalMetrics"),
        "@odata.type": "#ThermalMetrics.v1_3_2.ThermalMetrics",
        "Id": "ThermalMetrics",
        "Name": "Thermal Metrics",
        "TemperatureReadingsCelsius": degrees.collect::<Vec<_>>(),
    })
}

fn environment(at: &str, sensors: &[Sensor]) -> Value {
    let mut body = json!({
        "@odata.id": format!("{at}/EnvironmentMetrics"),
        "@odata.type": "#EnvironmentMetrics.v1_3_2.EnvironmentMetrics",
        "Id": "EnvironmentMetrics",
        "Name": "Environment Metrics",
    });
    if let Some(watts) = of(sensors, Quantity::Watts).next() {
        body["PowerWatts"] = excerpt(at, watts);
    }
    body
}

fn excerpt(at: &str, sensor: &Sensor) -> Value {
    json!({"DataSourceUri": format!("{at}/Sensors/{}", id(sensor)), "Reading": sensor.value})
}
