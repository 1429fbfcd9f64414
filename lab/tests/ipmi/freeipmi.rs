//! FreeIPMI's tools, and its pings.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use lab::bmc::board::{Action, Board, Light};
use lab::bmc::ipmi::{Settings, Suite};

use crate::{Bench, PASSWORD, USER, content, says};

/// Their settings are in a file, the password among them; sensor records are in a folder for the next tool.
struct Tools {
    bench: Bench,
    folder: PathBuf,
}

impl Tools {
    fn new(name: &str, suite: Suite) -> Tools {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", suite.number()));
        fs::create_dir_all(&folder).unwrap();
        let text = format!(
            "username {USER}\npassword {PASSWORD}\ncipher-suite-id {}\nprivilege-level ADMIN\n",
            suite.number()
        );
        fs::write(folder.join("config"), text).unwrap();
        fs::set_permissions(folder.join("config"), Permissions::from_mode(0o600)).unwrap();
        Tools { bench: Bench::new(Settings { suites: vec![suite], ..Settings::default() }), folder }
    }

    fn run(&self, program: &str, words: &str) -> String {
        content(self.command(program, words))
    }

    /// With a tool that wants to know the sensor records first.
    fn run_with_records(&self, program: &str, words: &[&str]) -> String {
        let mut command = self.command(program, "--quiet-cache");
        command.arg(format!("--sdr-cache-directory={}", self.folder.display())).args(words);
        content(command)
    }

    fn command(&self, program: &str, words: &str) -> Command {
        let mut command = Command::new(format!("/usr/sbin/{program}"));
        command.stdin(Stdio::null()).arg(format!("--config-file={}", self.folder.join("config").display()));
        command.args(["-D", "LAN_2_0", "-h", &format!("127.0.0.1:{}", self.bench.port())]);
        command.args(words.split(' '));
        command
    }
}

#[test]
fn freeipmi_powers_and_reads() {
    for suite in [Suite::Seventeen, Suite::Three] {
        let tools = Tools::new("freeipmi-power", suite);
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
    let tools = Tools::new("freeipmi-reading", Suite::Seventeen);
    says(&tools.run("bmc-info", "--get-device-id"), &["IPMI Version", "2.0"]);
    says(&tools.run_with_records("ipmi-fru", &["--sdr-cache-recreate"]), &["SN-0042", "Rack and Sons"]);
    let log = tools.run_with_records("ipmi-sel", &[]);
    says(&log, &["S0/G0", "transition to Critical from less severe"]);
}

#[test]
fn pings_are_answered() {
    // They know no other port, so the BMC has an address of its own.
    let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 66, 23), 623)).expect("port 623, as root");
    let _bench = Bench::at(socket, Settings::default());
    for program in ["rmcpping", "ipmiping"] {
        let mut command = Command::new(format!("/usr/sbin/{program}"));
        command.args(["-c", "1", "127.0.66.23"]);
        says(&content(command), &["0.0% packet loss"]);
    }
}
