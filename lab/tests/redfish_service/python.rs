//! Programs of others in Python.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the programs of others in Python are; they are installed unless they are there.
pub fn programs() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let installed = Command::new(root.join(".ci/python")).arg("redfish").output().unwrap();
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    PathBuf::from(String::from_utf8(installed.stdout).unwrap().trim())
}
