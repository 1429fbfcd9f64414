//! Temperatures, fans, voltages and power: from the documents that all have (`Thermal`, `Power`), or from those that
//! replace them since 2020 (`ThermalSubsystem`, `PowerSubsystem`, `Sensors`, `EnvironmentMetrics`). Pure.

use std::collections::BTreeSet;

use api::bmc::Sensor;
use serde_json::Value;

use super::doc;
use super::places::Places;
use super::tree::Tree;

pub fn sensors(tree: &Tree, places: &Places) -> Vec<Sensor> {
    let mut found = Vec::new();
    for path in &places.chassis {
        let Some(chassis) = tree.get(path) else { continue };
        let old = [thermal(tree, chassis), power(tree, chassis)].concat();
        found.extend(if old.is_empty() { newer(tree, chassis) } else { old });
    }
    // Two chassis may share one document.
    let mut seen = BTreeSet::new();
    found.retain(|sensor| seen.insert((sensor.name.clone(), sensor.unit.clone())));
    found
}

/// What the machine draws, in watts.
pub fn draw(tree: &Tree, places: &Places) -> Option<f64> {
    let chassis = places.chassis.iter().filter_map(|path| tree.get(path));
    chassis.into_iter().find_map(|chassis| {
        let power = tree.follow(chassis, "Power");
        let consumed = power.and_then(|power| {
            doc::list(power, "PowerControl")
                .into_iter()
                .find_map(|each| doc::number(each, "PowerConsumedWatts"))
        });
        consumed.or_else(|| {
            let metrics = tree.follow(chassis, "EnvironmentMetrics")?;
            doc::number(metrics.get("PowerWatts")?, "Reading")
        })
    })
}

fn thermal(tree: &Tree, chassis: &Value) -> Vec<Sensor> {
    let Some(thermal) = tree.follow(chassis, "Thermal") else { return Vec::new() };
    let speeds = ["Reading", "ReadingRPM", "CurrentReading"];
    let mut found = readings(thermal, "Temperatures", &["ReadingCelsius"], |_| CELSIUS.into());
    found.extend(readings(thermal, "Fans", &speeds, |fan| {
        let unit = doc::first_of(fan, &["ReadingUnits", "Units"]);
        if unit.is_empty() { "RPM".into() } else { unit }
    }));
    found
}

fn power(tree: &Tree, chassis: &Value) -> Vec<Sensor> {
    let Some(power) = tree.follow(chassis, "Power") else { return Vec::new() };
    let supplied = ["PowerInputWatts", "LastPowerOutputWatts", "PowerOutputWatts"];
    let draw = readings(power, "PowerControl", &["PowerConsumedWatts"], |_| "W".into());
    let supplies = readings(power, "PowerSupplies", &supplied, |_| "W".into());
    let volts = readings(power, "Voltages", &["ReadingVolts"], |_| "V".into());
    [draw, supplies, volts].concat()
}

/// The sensors of one array. Its number is added to a name that several have, or that is the array's.
fn readings(doc: &Value, array: &str, fields: &[&str], unit: impl Fn(&Value) -> String) -> Vec<Sensor> {
    let all = doc::list(doc, array);
    let name = |each: &Value| match doc::first_of(each, &["Name", "FanName"]) {
        none if none.is_empty() => array.to_string(),
        name => name,
    };
    let common = |word: &str| word == array || all.iter().filter(|each| name(each) == word).count() > 1;
    let listed = all.iter().enumerate().filter(|(_, each)| each.is_object() && doc::present(each));
    listed
        .map(|(number, each)| {
            let name = name(each);
            Sensor {
                name: if common(&name) { format!("{name} {number}") } else { name },
                value: fields.iter().find_map(|field| doc::number(each, field)),
                unit: unit(each),
                health: doc::health(each),
            }
        })
        .collect()
}

fn newer(tree: &Tree, chassis: &Value) -> Vec<Sensor> {
    let mut found: Vec<Sensor> = tree
        .members_of(chassis, "Sensors")
        .into_iter()
        .filter_map(|each| {
            let name = doc::first_of(each, &["Name", "Id"]);
            let unit = unit(&doc::owned(each, "ReadingUnits"));
            let value = doc::number(each, "Reading");
            let there = !name.is_empty() && doc::present(each);
            there.then(|| Sensor { name, value, unit, health: doc::health(each) })
        })
        .collect();
    if let Some(metrics) = tree.follow(chassis, "EnvironmentMetrics") {
        let watts = metrics.get("PowerWatts").filter(|watts| doc::number(watts, "Reading").is_some());
        let named = watts.map(|watts| Sensor { name: "PowerWatts".into(), ..excerpt(watts, "W") });
        found.extend(named.filter(|named| !found.iter().any(|s| s.unit == "W" && s.value == named.value)));
    }
    // Where there are sensors, these are excerpts of them.
    if !found.iter().any(|sensor| sensor.unit == CELSIUS)
        && let Some(subsystem) = tree.follow(chassis, "ThermalSubsystem")
    {
        let metrics = tree.follow(subsystem, "ThermalMetrics");
        let degrees =
            metrics.map(|metrics| doc::list(metrics, "TemperatureReadingsCelsius")).unwrap_or_default();
        found.extend(degrees.into_iter().map(|each| excerpt(each, CELSIUS)).filter(|s| !s.name.is_empty()));
        for fan in tree.members_of(subsystem, "Fans") {
            let Some(speed) = fan.get("SpeedPercent") else { continue };
            let name = doc::first_of(fan, &["Name", "Id"]);
            found.push(Sensor { name, health: doc::health(fan), ..excerpt(speed, "%") });
        }
    }
    let supplies = tree.follow(chassis, "PowerSubsystem").map(|all| tree.members_of(all, "PowerSupplies"));
    for supply in supplies.unwrap_or_default() {
        let metrics = tree.follow(supply, "Metrics");
        let Some(watts) = metrics.and_then(|m| m.get("InputPowerWatts").or(m.get("OutputPowerWatts"))) else {
            continue;
        };
        let name = doc::first_of(supply, &["Name", "Id"]);
        found.push(Sensor { name, health: doc::health(supply), ..excerpt(watts, "W") });
    }
    found
}

const CELSIUS: &str = "degrees C";

/// A sensor inside another document; named after what it measures.
fn excerpt(reading: &Value, unit: &str) -> Sensor {
    let name = doc::first_of(reading, &["DeviceName", "PhysicalContext"]);
    Sensor { name, value: doc::number(reading, "Reading"), unit: unit.into(), health: None }
}

/// UCUM's codes, in the words of the older documents.
fn unit(code: &str) -> String {
    match code {
        "Cel" => CELSIUS,
        "{rev}/min" => "RPM",
        other => other,
    }
    .into()
}
