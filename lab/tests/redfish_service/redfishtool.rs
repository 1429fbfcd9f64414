//! DMTF's redfishtool, as an operator would type it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use lab::bmc::board::{Action, Boot, Light, Mode, Persistence, Power, Target};
use lab::bmc::redfish::Vendor;
use serde_json::Value;
use tempfile::TempDir;

use crate::memory::{Bmc, PASSWORD};
use crate::python::programs;

struct Tool {
    program: PathBuf,
    settings: TempDir,
    address: String,
}

impl Tool {
    fn of(bmc: &Bmc) -> Tool {
        let settings = tempfile::tempdir().unwrap();
        let login = serde_json::json!({"user": "admin", "password": PASSWORD});
        fs::write(settings.path().join("login.json"), login.to_string()).unwrap();
        Tool { program: programs().join("redfishtool"), settings, address: bmc.address.to_string() }
    }

    fn run(&self, arguments: &[&str]) -> Value {
        let run = Command::new(&self.program)
            .args([
                "-r",
                &self.address,
                "-S",
                "Always",
                "-A",
                "Session",
                "-T",
                "120",
                "-W",
                "1:120",
                "-n",
                "-c",
            ])
            .arg(self.settings.path().join("login.json"))
            .args(arguments)
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert!(run.status.success(), "{arguments:?}: {out}{err}");
        // What it says of itself comes first.
        let document = out.find('{').map_or("null", |at| &out[at..]);
        serde_json::from_str(document).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
    }
}

#[test]
fn a_machine_is_read_and_switched() {
    let bmc = Bmc::of(Vendor::Plain);
    let tool = Tool::of(&bmc);
    let system = tool.run(&["Systems", "-F"]);
    assert_eq!((&system["SerialNumber"], &system["PowerState"]), (&"SN-0007".into(), &"Off".into()));
    tool.run(&["Systems", "-F", "setBootOverride", "Once", "Pxe"]);
    let set = Boot { target: Target::Network, persistence: Persistence::Once, mode: Some(Mode::Uefi) };
    assert_eq!(bmc.board.look(|inside| inside.boot), set);
    tool.run(&["Systems", "-F", "reset", "On"]);
    assert_eq!(bmc.board.look(|inside| inside.power), Power::On);
    tool.run(&["Systems", "-F", "reset", "PowerCycle"]);
    assert_eq!(bmc.board.look(|inside| inside.acts.clone()), [Action::On, Action::Cycle]);
    let log = tool.run(&["Systems", "-F", "Logs", "-i", "Log", "-E"]);
    assert_eq!(log["Members@odata.count"], 2, "{log}");
    // Each session was ended again.
    let open = tool.run(&["raw", "GET", "/redfish/v1/SessionService/Sessions"]);
    assert_eq!(open["Members@odata.count"], 1, "{open}");
}

#[test]
fn vendors_are_read_and_switched_as_far_as_they_let_it() {
    for vendor in [Vendor::Dell, Vendor::Hpe, Vendor::Supermicro] {
        let bmc = Bmc::of(vendor);
        let tool = Tool::of(&bmc);
        tool.run(&["Systems", "-F", "reset", "On"]);
        assert_eq!(bmc.board.look(|inside| inside.power), Power::On, "{vendor:?}");
        tool.run(&["Systems", "-F", "setIndicatorLed", "Blinking"]);
        assert_eq!(bmc.board.look(|inside| inside.light), Light::Blinking, "{vendor:?}");
        let thermal = tool.run(&["Chassis", "-F", "Thermal"]);
        assert_eq!(thermal["Temperatures"][0]["ReadingCelsius"], 41.5, "{vendor:?}");
        let manager = tool.run(&["Managers", "-F"]);
        assert_eq!(manager["ManagerType"], "BMC", "{vendor:?}");
    }
}
