//! Ansible's dynamic inventory, as `ansible-inventory` reads it of a script: hosts with their variables, and groups
//! by state, profile, rack, cluster and label.

use std::collections::BTreeMap;

use api::machine::Machine;
use serde_json::{Map, Value, json};

/// Machines that have a name and are ours; the others are nobody's to log in to.
pub fn inventory(machines: &[Machine]) -> Value {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut hosts = Map::new();
    for machine in machines.iter().filter(|machine| machine.enrolled) {
        let Some(name) = machine.hostname.as_ref().map(ToString::to_string) else { continue };
        for group in of(machine) {
            groups.entry(group).or_default().push(name.clone());
        }
        hosts.insert(name, variables(machine));
    }
    let names: Vec<&String> = groups.keys().collect();
    let mut inventory = json!({
        "_meta": { "hostvars": hosts },
        "all": { "children": names, "hosts": hosts.keys().collect::<Vec<_>>() },
    });
    for (group, members) in groups {
        inventory[group] = json!({ "hosts": members });
    }
    inventory
}

fn of(machine: &Machine) -> Vec<String> {
    let mut groups = vec![group("state", machine.state.as_str())];
    groups.extend(machine.profile.as_ref().map(|profile| group("profile", profile)));
    groups.extend(machine.position.as_ref().map(|position| group("rack", &position.rack)));
    if let Some(node) = &machine.node {
        groups.push(group("cluster", &node.cluster));
        groups.push(group("role", node.role.as_str()));
    }
    groups.extend(machine.labels.iter().map(|(key, value)| match value.is_empty() {
        true => group("label", key),
        false => group("label", &format!("{key}_{value}")),
    }));
    groups
}

/// Names of groups are those of variables: letters, digits and underscores.
fn group(kind: &str, name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    format!("{kind}_{}", name.chars().map(plain).collect::<String>())
}

fn variables(machine: &Machine) -> Value {
    let address = machine.address.or(machine.reserved.map(|reserved| reserved.address));
    let mut variables = json!({
        "metal_id": machine.id,
        "metal_state": machine.state,
        "metal_profile": machine.profile,
        "metal_generation": machine.installed,
        "metal_macs": machine.interfaces,
        "metal_serial": machine.serial,
        "metal_position": machine.position,
        "metal_uplink": machine.uplink,
        "metal_labels": machine.labels,
        "metal_hold": machine.hold,
    });
    if let Some(address) = address {
        variables["ansible_host"] = json!(address);
        variables["ansible_user"] = json!("root");
    }
    variables
}
