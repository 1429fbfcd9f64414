//! FreeIPMI's tools, and its pings.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use lab::bmc::board::{Action, Board, Light};
use lab::bmc::ipmi::{Settings, Suite};

use crate::{Bench, PASSWORD, USER, content, says};

/// Its settings are in a file, the password among them.
struct Tools {
    bench: Bench,
    config: PathBuf,
}

impl Tools {
    fn new(suite: Suite) -> Tools {
        let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("freeipmi-{}", suite.number()));
        let text = format!(
            "username {USER}\npassword {PASSWORD}\ncipher-suite-id {}\nprivilege-level ADMIN\n",
            suite.number()
        );
        fs::write(&config, text).unwrap();
        fs::set_permissions(&config, Permissions::from_mode(0o600)).unwrap();
        Tools { bench: Bench::new(Settings { suites: vec![suite], ..Settings::default() }), config }
    }

    fn run(&self, program: &str, words: &str) -> String {
        let mut command = Command::new(format!("/usr/sbin/{program}"));
        command.stdin(Stdio::null()).env("HOME", env!("CARGO_TARGET_TMPDIR"));
        command.arg(format!("--config-file={}", self.config.display()));
        command.args(["-D", "LAN_2_0", "-h", &format!("127.0.0.1:{}", self.bench.port())]);
        command.args(words.split(' '));
        content(command)
    }
}

#[test]
fn freeipmi_powers_and_reads() {
    for suite in [Suite::Seventeen, Suite::Three] {
        let tools = Tools::new(suite);
        says(&tools.run("ipmipower", "--stat"), &[": off"]);
        says(&tools.run("ipmipower", "--on"), &[": ok"]);
        says(&tools.run("ipmipower", "--reset"), &[": ok"]);
        assert_eq!(tools.bench.board.actions(), [Action::On, Action::Reset]);
        says(&tools.run("ipmi-chassis", "--get-chassis-status"), &["System Power"]);
        tools.run("ipmi-chassis", "--chassis-identify=FORCE");
        assert_eq!(tools.bench.board.light(), Light::Lit);
        let sensors =
            tools.run("ipmi-sensors", "--quiet-cache --sdr-cache-recreate --ignore-not-available-sensors");
        says(&sensors, &["CPU Temp", "47.00", "4960.00", "'At or Above (>=) Upper Critical Threshold'"]);
    }
}

#[test]
fn freeipmi_reads_inventory_log_and_device() {
    let tools = Tools::new(Suite::Seventeen);
    says(&tools.run("bmc-info", "--get-device-info"), &["IPMI Version", "2.0"]);
    says(&tools.run("ipmi-fru", "--quiet-cache --sdr-cache-recreate"), &["SN-0042", "Rack and Sons"]);
    let log = tools.run("ipmi-sel", "--quiet-cache --sdr-cache-recreate");
    says(&log, &["S0/G0", "Transition to Critical from less severe"]);
}

#[test]
fn pings_are_answered() {
    // They know no other port, so the BMC has an address of its own.
    let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 66, 23), 623)).expect("port 623, as root");
    let _bench = Bench::at(socket, Settings::default());
    for program in ["rmcpping", "ipmiping"] {
        let mut command = Command::new(format!("/usr/sbin/{program}"));
        command.args(["-c", "1", "127.0.66.23"]);
        says(&content(command), &["response received", "0.0% packet loss"]);
    }
}
