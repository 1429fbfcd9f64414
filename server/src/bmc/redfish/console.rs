//! Where a BMC has its machine's serial console: Redfish carries none, and names those who do (ComputerSystem 1.13 and
//! Manager 1.0, `SerialConsole`, DSP2046). Pure.

use serde_json::Value;

use super::doc;
use super::places::Places;
use super::tree::Tree;

/// What a person can do in the place of it.
pub fn elsewhere(tree: &Tree, places: &Places, (host, user): (&str, &str)) -> String {
    let system = tree.get(&places.system).and_then(|system| system.get("SerialConsole"));
    let manager = places.manager.as_ref().and_then(|path| tree.get(path));
    let manager = manager.and_then(|manager| manager.get("SerialConsole"));
    let mut ways = Vec::new();
    if let Some(ssh) = ssh(system, manager) {
        ways.push(by_ssh(&ssh, host, user));
    }
    if ipmi(system, manager) {
        ways.push("by IPMI, which `metalctl bmc set NAME --driver ipmi` speaks".into());
    }
    match ways.is_empty() {
        true => format!("Redfish carries no console, and the BMC at {host} names no other way to it"),
        false => format!("Redfish carries no console; the BMC at {host} has it {}", ways.join(", or ")),
    }
}

/// How it is reached.
struct Ssh {
    port: u64,
    /// Typed after the login; empty where the console comes at once.
    command: String,
}

fn ssh(system: Option<&Value>, manager: Option<&Value>) -> Option<Ssh> {
    let own = system.and_then(|console| console.get("SSH")).filter(|ssh| is_on(ssh));
    if let Some(ssh) = own {
        let port = doc::count(ssh, "Port").filter(|port| (1..=65535).contains(port)).unwrap_or(22);
        return Some(Ssh { port, command: doc::owned(ssh, "ConsoleEntryCommand") });
    }
    connects(manager, "SSH").then(|| Ssh { port: 22, command: String::new() })
}

fn ipmi(system: Option<&Value>, manager: Option<&Value>) -> bool {
    let own = system.and_then(|console| console.get("IPMI")).is_some_and(is_on);
    own || connects(manager, "IPMI")
}

/// A service that does not say so is on.
fn is_on(service: &Value) -> bool {
    service.is_object() && doc::flag(service, "ServiceEnabled") != Some(false)
}

fn connects(manager: Option<&Value>, kind: &str) -> bool {
    let Some(console) = manager.filter(|console| is_on(console)) else { return false };
    doc::texts(console, "ConnectTypesSupported").iter().any(|known| known.eq_ignore_ascii_case(kind))
}

fn by_ssh(Ssh { port, command }: &Ssh, host: &str, user: &str) -> String {
    let user = if user.is_empty() { String::new() } else { format!("{user}@") };
    let port = if *port == 22 { String::new() } else { format!("-p {port} ") };
    let host = host.trim_matches(['[', ']']);
    let then = if command.is_empty() { String::new() } else { format!(", then `{command}`") };
    format!("by SSH: `ssh {port}{user}{host}`{then}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bmc::redfish::Vendor;

    fn words(system: Value, manager: Value) -> String {
        let mut tree = Tree::default();
        tree.insert("/s".into(), Ok(system));
        tree.insert("/m".into(), Ok(manager));
        let (system, manager) = ("/s".into(), Some("/m".into()));
        let vendor = Vendor::of(&json!({}), &json!({}));
        let places = Places { vendor, system, manager, chassis: vec![], update: None };
        elsewhere(&tree, &places, ("10.0.0.7", "root"))
    }

    #[test]
    fn each_way_is_named_with_what_to_type() {
        let dell = json!({"SerialConsole": {
            "SSH": {"ServiceEnabled": true, "Port": 2200, "ConsoleEntryCommand": "console com2"},
            "IPMI": {"ServiceEnabled": false}
        }});
        let expected = "Redfish carries no console; the BMC at 10.0.0.7 has it by SSH: `ssh -p 2200 root@10.0.0.7`, then \
                        `console com2`";
        assert_eq!(words(dell, json!({})), expected);
        let both =
            json!({"SerialConsole": {"ServiceEnabled": true, "ConnectTypesSupported": ["SSH", "IPMI"]}});
        let both = words(json!({}), both);
        assert!(both.contains("`ssh root@10.0.0.7`, or by IPMI, which `metalctl bmc set"), "{both}");
    }

    #[test]
    fn what_is_off_or_not_there_is_no_way() {
        let none = "Redfish carries no console, and the BMC at 10.0.0.7 names no other way to it";
        assert_eq!(words(json!({}), json!({})), none);
        let off = json!({"SerialConsole": {"SSH": {"ServiceEnabled": false, "Port": 22}}});
        let never = json!({"SerialConsole": {"ServiceEnabled": false, "ConnectTypesSupported": ["SSH"]}});
        assert_eq!(words(off, never), none);
        assert_eq!(words(json!({"SerialConsole": null}), json!({"SerialConsole": [7]})), none);
    }
}
