//! DMTF's own validator, which reads the whole tree and compares each property with the published schemas.

use std::fs;
use std::path::Path;
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

/// What it said of the tree, and what it found wrong: by property, in its own words.
struct Verdict {
    said: String,
    passed: u32,
    failed: Vec<String>,
}

fn verdict(vendor: Vendor) -> Verdict {
    let bmc = Bmc::of(vendor);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.ini"), settings(&bmc)).unwrap();
    let run = Command::new(programs().join("rf_service_validator"))
        .current_dir(folder.path())
        .args(["--config", "config.ini"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    let Some([passed, _, failed, _]) = counts(&said) else { panic!("{vendor:?}: no counts in\n{said}") };
    assert_eq!(run.status.code(), Some(i32::from(failed > 0)), "{vendor:?}:\n{said}");
    let log = log(folder.path());
    let told = |kind: &str| log.lines().filter(|line| line.contains(kind)).map(str::to_string).collect();
    let (failures, warnings): (Vec<String>, Vec<String>) = (told(" FAIL - "), told(" WARN - "));
    assert_eq!(failures.len() as u32, failed, "{vendor:?}: {failures:?}");
    Verdict { said: [said, warnings.join("\n")].concat(), passed, failed: failures }
}

/// Of the one run that the folder has seen.
fn log(folder: &Path) -> String {
    let only = |folder: &Path, end: &str| {
        let mut entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.find(|path| path.to_string_lossy().ends_with(end)).unwrap()
    };
    let run = only(&folder.join("logs"), "");
    fs::read_to_string(only(&run, ".log")).unwrap()
}

fn holds(vendor: Vendor) {
    let verdict = verdict(vendor);
    assert!(verdict.failed.is_empty(), "{vendor:?}: {:#?}\n{}", verdict.failed, verdict.said);
    // It has looked at the tree, and not only at its root.
    assert!(verdict.passed > 400, "{vendor:?}: {}", verdict.said);
}

#[test]
fn the_plain_tree_holds() {
    holds(Vendor::Plain);
}

#[test]
fn dells_tree_holds() {
    holds(Vendor::Dell);
}

#[test]
fn lenovos_tree_holds() {
    holds(Vendor::Lenovo);
}

#[test]
fn supermicros_tree_holds() {
    holds(Vendor::Supermicro);
}

#[test]
fn amis_tree_holds() {
    holds(Vendor::Ami);
}

#[test]
fn sushys_tree_holds() {
    holds(Vendor::Sushy);
}

/// Its log is as iLO has it: links where entries have to be.
#[test]
fn hpes_tree_holds_but_for_its_bend() {
    let verdict = verdict(Vendor::Hpe);
    assert!(!verdict.failed.is_empty());
    let others: Vec<_> = verdict.failed.iter().filter(|each| !each.contains("/Members/")).collect();
    assert!(others.is_empty(), "{others:#?}\n{}", verdict.said);
}
