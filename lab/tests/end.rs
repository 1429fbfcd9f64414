//! However the lab ends, nothing of its rack is left.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// As a background job of a shell: with SIGINT ignored.
fn start(name: &str) -> Child {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' INT; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_lab"), "up", "--uefi", "0"]);
    command.args(["--name", name, "--folder"]).arg(folder).stdout(Stdio::piped());
    let mut lab = command.spawn().unwrap();
    let said = BufReader::new(lab.stdout.take().unwrap()).lines().nth(1).unwrap().unwrap();
    assert!(said.contains("Ctrl-C"), "{said}");
    lab
}

fn left(name: &str) -> bool {
    lab::netns::exists(&format!("{name}-sw"))
        || lab::netns::exists(&format!("{name}-srv"))
        || lab::netns::exists(&format!("{name}-bmc"))
        || Path::new("/run/metal-lab").join(name).exists()
        || machines(name) > 0
}

fn machines(name: &str) -> usize {
    let socket = format!("unix:/run/metal-lab/{name}/");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.map(|process| std::fs::read(process.path().join("cmdline")).unwrap_or_default());
    lines.filter(|line| String::from_utf8_lossy(line).contains(&socket)).count()
}

#[test]
fn asked_to_end_it_takes_its_rack_along() {
    let name = "labtest-int";
    let mut lab = start(name);
    assert!(left(name) && machines(name) == 1);
    kill_process(Pid::from_child(&lab), Signal::INT).unwrap();
    assert!(lab.wait().unwrap().success());
    assert!(!left(name));
}

#[test]
fn killed_outright_it_is_swept_and_the_name_is_free() {
    let name = "labtest-kill";
    let mut lab = start(name);
    lab.kill().unwrap();
    lab.wait().unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    while left(name) {
        assert!(Instant::now() < end, "still there after 10 s");
        sleep(Duration::from_millis(50));
    }
    let mut again = start(name);
    kill_process(Pid::from_child(&again), Signal::TERM).unwrap();
    again.wait().unwrap();
    assert!(!left(name));
}
