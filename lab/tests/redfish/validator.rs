//! DMTF's own validator, which reads the whole tree and compares each property with the published schemas.

use std::fs;
use std::process::Command;

use lab::bmc::redfish::Vendor;
use nv_redfish_schema::REDFISH_CSDL_DIR;

use crate::memory::{Bmc, PASSWORD};
use crate::python::programs;

/// `| PASS | WARN | FAIL | NOT TESTED |`, from the last table that it prints.
fn counts(said: &str) -> Option<[u32; 4]> {
    let row =
        said.lines().rev().find(|line| line.starts_with('|') && line.chars().any(|c| c.is_ascii_digit()))?;
    let cells: Vec<u32> = row.split('|').filter_map(|cell| cell.trim().parse().ok()).collect();
    cells.try_into().ok()
}

/// The schemas come from a crate that carries DMTF's bundle (DSP8010), since there may be no way to dmtf.org.
fn settings(bmc: &Bmc) -> String {
    format!(
        "[Authentication]\nuser = admin\npassword = {PASSWORD}\nauthtype = Session\n\
         [Connection]\nrhost = https://{}\ntimeout = 30\n\
         [Paths]\nlogdir = logs\nschema_directory = {REDFISH_CSDL_DIR}\n\
         [Validation]\nskipschema = true\n",
        bmc.address
    )
}

#[test]
fn the_tree_is_what_the_schemas_say() {
    let programs = programs();
    for vendor in Vendor::ALL {
        let bmc = Bmc::of(vendor);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.ini"), settings(&bmc)).unwrap();
        let run = Command::new(programs.join("rf_service_validator"))
            .current_dir(folder.path())
            .args(["--config", "config.ini"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        let counts = counts(&said);
        let Some([passed, _, failed, _]) = counts else { panic!("{vendor:?}: no counts in\n{said}") };
        assert_eq!((run.status.code(), failed), (Some(0), 0), "{vendor:?}:\n{said}");
        // It has looked at the tree, and not only at its root.
        assert!(passed > 500, "{vendor:?}: {passed} properties");
    }
}
