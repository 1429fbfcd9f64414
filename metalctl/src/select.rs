//! From what was typed to the machines that are meant. Pure.

use api::machine::Machine;
use glob::Pattern;

use crate::args::select::Filter;
use crate::exit::{Exit, Failure};

/// A pattern and not a name: names have none of these.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The machines that a pattern fits: by hostname, or by MAC where there is none yet.
pub fn matching(text: &str, rack: &[Machine]) -> Result<Vec<Machine>, Failure> {
    let pattern = Pattern::new(text).map_err(|error| {
        let hint = "`*` is any text, `?` any character, `[0-3]` one of these; quote it from the shell";
        Failure::new(Exit::Usage, format!("`{text}` is no pattern: {}", error.msg), hint)
    })?;
    let found: Vec<Machine> =
        rack.iter().filter(|machine| pattern.matches(&machine.name())).cloned().collect();
    if found.is_empty() {
        let hint = "`metalctl machine list` shows all there are";
        return Err(Failure::new(Exit::NotFound, format!("no machine's name is like `{text}`"), hint));
    }
    Ok(found)
}

pub fn holds(filter: &Filter, machine: &Machine) -> bool {
    filter.state.is_none_or(|state| state == machine.state)
        && (filter.of_profile.is_none() || filter.of_profile == machine.profile)
        && filter.labels.iter().all(|selector| selector.holds(&machine.labels))
}

/// Each machine once, in the order of names.
pub fn in_order(mut machines: Vec<Machine>) -> Vec<Machine> {
    machines.sort_by_key(|machine| (machine.hostname.is_none(), machine.name(), machine.id.clone()));
    machines.dedup_by(|one, other| one.id == other.id);
    machines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(name: &str, state: &str, labels: &[(&str, &str)]) -> Machine {
        let labels: std::collections::BTreeMap<_, _> = labels.iter().copied().collect();
        let value = serde_json::json!({
            "id": name, "hostname": name, "interfaces": [], "serial": "", "address": null, "profile": null,
            "position": null, "labels": labels, "state": state, "since": 0, "generation": 1, "installed": 1,
            "failed_in": null, "reason": null, "errand": "none", "hold": false, "maintenance": false,
            "enrolled": true, "wait": null, "progress": null, "home": null, "last_seen": null, "version": 1,
            "node": null
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_pattern_fits_whole_names() {
        let rack = [
            machine("node01", "active", &[]),
            machine("node10", "failed", &[]),
            machine("web1", "active", &[]),
        ];
        let names =
            |text| -> Vec<String> { matching(text, &rack).unwrap().iter().map(Machine::name).collect() };
        assert_eq!(names("node*"), ["node01", "node10"]);
        assert_eq!(names("node0?"), ["node01"]);
        assert_eq!(matching("*[2-9]*", &rack).unwrap_err().exit, Exit::NotFound);
        assert_eq!(matching("node[", &rack).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn filters_all_have_to_hold() {
        let filter = |labels: &[&str], state: Option<&str>| Filter {
            labels: labels.iter().map(|text| text.parse().unwrap()).collect(),
            state: state.map(|state| state.parse().unwrap()),
            of_profile: None,
        };
        let node = machine("node01", "active", &[("zone", "a"), ("gpu", "")]);
        for (labels, state, fits) in [
            (vec!["gpu"], None, true),
            (vec!["zone=a", "gpu"], Some("active"), true),
            (vec!["zone=a"], Some("failed"), false),
            (vec!["zone=b"], None, false),
            (vec!["zone!=b", "tier!=db"], None, true),
            (vec!["zone!=a"], None, false),
            (vec!["tier"], None, false),
        ] {
            assert_eq!(holds(&filter(&labels, state), &node), fits, "{labels:?} {state:?}");
        }
    }

    #[test]
    fn each_machine_is_meant_once() {
        let (one, other) = (machine("node02", "active", &[]), machine("node01", "active", &[]));
        let chosen = in_order(vec![one.clone(), other.clone(), one.clone()]);
        assert_eq!(chosen, [other, one]);
    }
}
