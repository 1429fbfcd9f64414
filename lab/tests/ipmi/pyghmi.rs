//! pyghmi, which OpenStack and Confluent manage machines with.

use std::io::Write;
use std::process::{Command, Stdio};

use lab::bmc::board::{Action, Board, Light};
use lab::bmc::ipmi::Settings;
use serde_json::{Value, json};

use crate::{Bench, PASSWORD, USER, both};

#[test]
fn pyghmi_switches_boots_and_reads() {
    let bench = Bench::new(Settings::default());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ipmi/openstack.py");
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-W", "ignore", script, &bench.port(), USER]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = command.spawn().unwrap();
    writeln!(client.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", both(&output));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let boot = json!({"bootdev": "network", "persistent": false, "uefimode": true});
    assert_eq!(said["boot"], boot, "{said:#}");
    assert_eq!([&said["before"], &said["after"], &said["spent"]], ["off", "on", "default"], "{said:#}");
    assert_eq!(said["sensors"]["CPU Temp"][0], json!(47.0), "{said:#}");
    assert_eq!(said["sensors"]["Fan 1"], json!([4960.0, "RPM", 0]), "{said:#}");
    assert_eq!(said["inventory"]["Serial Number"], "SN-0042", "{said:#}");
    assert_eq!(said["log"].as_array().map(Vec::len), Some(3), "{said:#}");
    assert_eq!(bench.board.actions(), [Action::On, Action::Shutdown]);
    assert_eq!(bench.board.light(), Light::Lit);
}
