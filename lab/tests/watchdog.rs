//! A machine whose QEMU hangs is power-cycled by its board, and its files go on.

use std::path::PathBuf;
use std::time::Duration;

use lab::{Hardware, Rack, Status};

#[test]
fn a_hung_machine_starts_once_more_and_says_so_in_the_same_files() {
    let name = "labtest-watchdog";
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut rack = Rack::up(name, &folder, "10.77.0.1/24").unwrap();
    let hardware = Hardware { memory_mb: 256, ..Hardware::bios("node01", 1) };
    let machine = rack.add(Hardware { post_patience: Duration::from_secs(3), ..hardware }).unwrap();
    machine.on().unwrap();
    let patience = Duration::from_secs(30);
    machine.wait_console("iPXE", patience).unwrap();
    let (file, before) = (machine.console_file(), machine.console());

    machine.hang().unwrap();
    machine.wait("power cycle", patience, || Ok(machine.resets() > 0)).unwrap();
    let spoken = || Ok(machine.console().matches("SeaBIOS").count() > before.matches("SeaBIOS").count());
    machine.wait("second start on the same console", patience, spoken).unwrap();
    assert!(machine.console().starts_with(&before), "the console of the start before is kept");
    assert_eq!((machine.attempt(), machine.console_file()), (1, file));
    assert_eq!(machine.status().unwrap(), Status::On);
    let said = std::fs::read_to_string(machine.folder.join("qemu-1.log")).unwrap();
    assert!(said.contains("board watchdog"), "{said}");

    machine.hang().unwrap();
    machine.cut().unwrap();
    assert_eq!(machine.status().unwrap(), Status::Off, "the plug is quicker than the watchdog");
}
