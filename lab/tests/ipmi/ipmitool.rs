//! `ipmitool`, with both suites: each command that operators use, and the serial console.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use lab::bmc::board::{Action, Board, Boot, Light, Mode, Persistence, Target};
use lab::bmc::fault::Fault;
use lab::bmc::ipmi::{Level, Settings, Suite};

use crate::{Bench, PASSWORD, USER, both, content, says};

const SUITES: [Suite; 2] = [Suite::Seventeen, Suite::Three];

/// As somebody, at some level.
fn as_user(bench: &Bench, suite: Suite, name: &str, password: &str, level: &str) -> Command {
    let mut command = Command::new("ipmitool");
    command.env("IPMI_PASSWORD", password).stdin(Stdio::null());
    command.args(["-I", "lanplus", "-H", "127.0.0.1", "-p", &bench.port(), "-U", name, "-E"]);
    // It is patient with a host that has other things to do.
    command.args(["-C", &suite.number().to_string(), "-L", level, "-N", "3", "-R", "4"]);
    command
}

fn tool(bench: &Bench, suite: Suite, words: &str) -> String {
    let mut command = as_user(bench, suite, USER, PASSWORD, "ADMINISTRATOR");
    command.args(words.split(' '));
    content(command)
}

/// What it says when it fails.
fn refused(mut command: Command, words: &str) -> String {
    let output = command.args(words.split(' ')).output().unwrap();
    assert!(!output.status.success(), "{words}: {}", both(&output));
    both(&output)
}

fn boot(target: Target, persistence: Persistence, mode: Mode) -> Boot {
    Boot { target, persistence, mode: Some(mode) }
}

#[test]
fn power_is_switched_and_told() {
    for suite in SUITES {
        let bench = Bench::new(Settings { suites: vec![suite], ..Settings::default() });
        let tool = |words: &str| tool(&bench, suite, words);
        says(&tool("chassis power status"), &["Chassis Power is off"]);
        tool("chassis power on");
        says(&tool("chassis status"), &["System Power         : on", "Power Restore Policy : always-off"]);
        for words in ["cycle", "reset", "diag", "soft"] {
            tool(&format!("chassis power {words}"));
        }
        says(&tool("power status"), &["Chassis Power is off"]);
        says(
            &refused(as_user(&bench, suite, USER, PASSWORD, "OPERATOR"), "power cycle"),
            &["Command not supported in present state"],
        );
        tool("power on");
        tool("power off");
        let expected = [
            Action::On,
            Action::Cycle,
            Action::Reset,
            Action::Nmi,
            Action::Shutdown,
            Action::On,
            Action::Off,
        ];
        assert_eq!(bench.board.actions(), expected);
        says(&tool("chassis restart_cause"), &["chassis power control command"]);
    }
}

#[test]
fn boot_devices_are_set_and_read_back() {
    for suite in SUITES {
        let bench = Bench::new(Settings { suites: vec![suite], ..Settings::default() });
        let tool = |words: &str| tool(&bench, suite, words);
        let read = || tool("chassis bootparam get 5");
        says(&read(), &["Boot Flag Invalid"]);
        tool("chassis bootdev pxe options=efiboot");
        let lines = ["Boot Flag Valid", "only next boot", "BIOS EFI boot", "Force PXE"];
        says(&read(), &lines);
        assert_eq!(bench.board.boot(), boot(Target::Network, Persistence::Once, Mode::Uefi));
        tool("power on");
        says(&read(), &["Boot Flag Invalid"]);
        tool("chassis bootdev disk options=efiboot,persistent");
        says(&read(), &["all future boots", "Force Boot from default Hard-Drive"]);
        tool("power cycle");
        tool("chassis bootdev bios");
        assert_eq!(bench.board.boot(), boot(Target::Setup, Persistence::Once, Mode::Bios));
        tool("chassis bootdev cdrom");
        says(&read(), &["BIOS PC Compatible (legacy) boot", "Force Boot from CD/DVD"]);
        tool("chassis bootdev none");
        assert_eq!(bench.board.boot(), Boot::NONE);
        let expected = [
            boot(Target::Network, Persistence::Once, Mode::Uefi),
            boot(Target::Disk, Persistence::Always, Mode::Uefi),
        ];
        assert_eq!(bench.board.starts(), expected);
    }
}

#[test]
fn the_bmc_tells_who_it_is() {
    let bench = Bench::new(Settings::default());
    let tool = |words: &str| tool(&bench, Suite::Seventeen, words);
    says(&tool("mc info"), &["IPMI Version              : 2.0", "Chassis Device", "SDR Repository Device"]);
    says(&tool("mc guid ipmi"), &["5254007a-0001-4000-8000-0123456789ab"]);
    says(&tool("mc selftest"), &["passed"]);
    says(&tool("channel info 1"), &["802.3 LAN", "multi-session"]);
    says(&tool("channel getciphers ipmi 1"), &["17", "hmac_sha256", "sha256_128", "aes_cbc_128"]);
    says(&tool("lan print 1"), &["52:54:00:f7:00:01", "127.0.0.1", "RMCP+ Cipher Suites     : 17,3"]);
    says(&tool("user list 1"), &["2   ADMIN", "3   watcher", "ADMINISTRATOR"]);
    says(
        &tool("session info active"),
        &["session handle", "privilege level               : ADMIN", "127.0.0.1"],
    );
    says(&tool("dcmi power reading"), &["8 Watts"]);
    let fru = tool("fru print");
    says(&fru, &["Board Serial          : SN-0042", "Product Manufacturer  : Rack and Sons"]);
    says(&fru, &["Product Serial        : SN-0042", "Product Asset Tag     : AT-7"]);
}

#[test]
fn sensors_read_what_the_board_has() {
    for suite in SUITES {
        let bench = Bench::new(Settings { suites: vec![suite], ..Settings::default() });
        let tool = |words: &str| tool(&bench, suite, words);
        says(
            &tool("sdr list"),
            &["CPU Temp         | 24 degrees C      | ok", "Fan 1            | no reading"],
        );
        bench.board.act(Action::On).unwrap();
        let list = tool("sdr list");
        says(
            &list,
            &["CPU Temp         | 47 degrees C      | ok", "Exhaust Temp     | 61 degrees C      | cr"],
        );
        says(
            &list,
            &["Fan 1            | 4960 RPM          | ok", "Draw             | 144 Watts         | ok"],
        );
        says(&list, &["12V              | 12.06 Volts       | ok"]);
        says(&tool("sensor"), &["Draw             | 144.000    | Watts"]);
        says(&tool("sdr info"), &["Record Count                        : 7"]);
        says(&tool("sdr list all"), &["Lab machine 2", "MC @ 20h"]);
    }
}

#[test]
fn the_log_is_read_and_cleared() {
    let bench = Bench::new(Settings::default());
    let tool = |words: &str| tool(&bench, Suite::Seventeen, words);
    let list = tool("sel elist");
    says(&list, &["11/14/", "S0/G0: working", "Transition to Critical", "S4/S5: soft-off"]);
    assert_eq!(list.lines().count(), 3, "{list}");
    says(&tool("sel info"), &["Entries          : 3"]);
    tool("sel clear");
    assert_eq!(bench.board.log(), []);
    says(&tool("sel info"), &["Entries          : 0"]);
    tool("sel time get");
}

#[test]
fn the_light_is_lit_for_a_while_or_for_good() {
    let bench = Bench::new(Settings::default());
    let tool = |words: &str| tool(&bench, Suite::Three, words);
    tool("chassis identify 10");
    assert_eq!(bench.board.light(), Light::Blinking);
    tool("chassis identify force");
    assert_eq!(bench.board.light(), Light::Lit);
    tool("chassis identify 0");
    assert_eq!(bench.board.light(), Light::Off);
}

#[test]
fn nobody_does_what_they_may_not() {
    let limits = vec![("watcher".into(), Level::User)];
    let bench = Bench::new(Settings { limits, ..Settings::default() });
    for suite in SUITES {
        let refused = |name, password, level, words| {
            let mut command = as_user(&bench, suite, name, password, level);
            // It keeps the reason to itself otherwise.
            command.arg("-v");
            refused(command, words)
        };
        says(&refused(USER, "wrong", "ADMINISTRATOR", "power status"), &["Unable to establish IPMI v2"]);
        says(&refused("nobody", PASSWORD, "ADMINISTRATOR", "power status"), &["unauthorized name"]);
        says(
            &refused("watcher", "another-password", "ADMINISTRATOR", "power status"),
            &["unauthorized role"],
        );
        says(&refused(USER, PASSWORD, "USER", "power on"), &["Insufficient privilege level"]);
        let mut status = as_user(&bench, suite, "watcher", "another-password", "USER");
        status.args(["power", "status"]);
        says(&content(status), &["Chassis Power is off"]);
    }
    assert_eq!(bench.board.actions(), []);
}

#[test]
fn a_full_bmc_says_so() {
    let bench = Bench::new(Settings::default());
    bench.faults.set([Fault::NoSessions]);
    let command = as_user(&bench, Suite::Seventeen, USER, PASSWORD, "ADMINISTRATOR");
    says(&refused(command, "power status"), &["insufficient resources"]);
}

#[test]
fn a_bmc_key_is_needed_where_there_is_one() {
    let bench = Bench::new(Settings { key: Some(b"key-of-the-bmc".to_vec()), ..Settings::default() });
    let command = |key: Option<&str>| {
        let mut command = as_user(&bench, Suite::Seventeen, USER, PASSWORD, "ADMINISTRATOR");
        command.args(key.map(|_| "-K")).envs(key.map(|key| ("IPMI_KGKEY", key)));
        command
    };
    refused(command(None), "power status");
    let mut right = command(Some("key-of-the-bmc"));
    right.args(["power", "status"]);
    content(right);
}

#[test]
fn the_console_goes_both_ways_and_outlives_a_power_cycle() {
    for suite in SUITES {
        let bench = Bench::new(Settings { suites: vec![suite], ..Settings::default() });
        bench.board.act(Action::On).unwrap();
        let mut command = as_user(&bench, suite, USER, PASSWORD, "ADMINISTRATOR");
        command.args(["sol", "activate"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut tool = command.spawn().unwrap();
        let (mut typed, mut shown) = (tool.stdin.take().unwrap(), tool.stdout.take().unwrap());
        let mut line = bench.lines.recv_timeout(Duration::from_secs(10)).unwrap();
        let text = "0123456789".repeat(100);
        line.write_all(format!("login: {text}<").as_bytes()).unwrap();
        let read = read_until(&mut shown, b"<");
        assert!(read.contains(&format!("login: {text}<")), "{read}");
        typed.write_all(b"root\r").unwrap();
        let mut said = [0; 5];
        line.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"root\r");
        typed.write_all(b"~Bb").unwrap();
        let mut behind = [0];
        line.read_exact(&mut behind).unwrap();
        assert_eq!((behind[0], bench.board.breaks()), (b'b', 1), "the break is no letter");
        // The machine's port goes with its power, and the console stays.
        drop(line);
        let mut line = bench.lines.recv_timeout(Duration::from_secs(10)).unwrap();
        line.write_all(b"booted>").unwrap();
        read_until(&mut shown, b"booted>");
        typed.write_all(b"\r~.").unwrap();
        assert!(tool.wait().unwrap().success());
        assert_eq!(line.read_to_end(&mut vec![]).unwrap(), 1, "the return, and the end");
    }
}

#[test]
fn a_console_in_other_hands_is_refused_and_can_be_ended() {
    let bench = Bench::new(Settings::default());
    bench.board.act(Action::On).unwrap();
    bench.board.take_console(true);
    let command = as_user(&bench, Suite::Three, USER, PASSWORD, "ADMINISTRATOR");
    says(&refused(command, "sol activate"), &["already active on another session"]);
    says(&tool(&bench, Suite::Three, "sol info 1"), &["Enabled                         : true", "115.2"]);
    tool(&bench, Suite::Three, "sol payload status 1 2");
}

fn read_until(from: &mut impl Read, end: &[u8]) -> String {
    let (mut all, mut part) = (vec![], [0; 1024]);
    while !all.windows(end.len()).any(|window| window == end) {
        let length = from.read(&mut part).unwrap();
        assert!(length > 0, "it ended after {}", String::from_utf8_lossy(&all));
        all.extend(&part[..length]);
    }
    String::from_utf8_lossy(&all).into_owned()
}
