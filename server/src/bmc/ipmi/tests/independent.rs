//! Servers and clients that others wrote: our driver at OpenIPMI's `ipmi_sim` and at pyghmi's `fakebmc`, and
//! `ipmitool` at the BMC that all our other tests trust, with suite 17 too, which neither of the two does.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use api::bmc::{BootOnce, Fault, FirmwareMode, Power, PowerAction};
use bytes::Bytes;
use tempfile::TempDir;

use super::super::suite::Suite;
use super::super::{Ipmi, Login};
use super::driver::{Bench, driver, read_until};
use super::model::Model;
use crate::bmc::Driver;
use crate::bmc::console::Input;

/// A server of others, ended with its test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_udp_port() -> u16 {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// It reads commands from its stdin, so that has to stay open.
fn ipmi_sim(folder: &Path, console: u16) -> (Server, u16) {
    let port = free_udp_port();
    let control = folder.join("control");
    fs::write(&control, CONTROL).unwrap();
    fs::set_permissions(&control, fs::Permissions::from_mode(0o755)).unwrap();
    let auths = ["callback", "user", "operator", "admin"].map(|level| format!("allowed_auths_{level} md5\n"));
    let lan = format!(
        "name \"metal\"\nset_working_mc 0x20\nstartlan 1\naddr 127.0.0.1 {port}\npriv_limit admin\n{}\
         guid a123456789abcdefa123456789abcdef\nendlan\nchassis_control \"{} 0x20\"\n\
         sol \"tcp:127.0.0.1:{console}\" 115200\n\
         user 1 true \"\" \"\" user 10 md5\nuser 2 true \"ADMIN\" \"a-password\" admin 10 md5\n",
        auths.concat(),
        control.display()
    );
    fs::write(folder.join("lan.conf"), lan).unwrap();
    fs::write(folder.join("sim.emu"), EQUIPMENT).unwrap();
    let mut command = Command::new("ipmi_sim");
    command.arg("-n").arg("-c").arg(folder.join("lan.conf")).arg("-f").arg(folder.join("sim.emu"));
    command.arg("-s").arg(folder).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    (Server(command.spawn().expect("ipmi_sim, from Debian's openipmi")), port)
}

/// What ipmi_sim calls to read and switch power: `CONTROL MC get NAME…` or `CONTROL MC set NAME VALUE…`.
const CONTROL: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "$*" >>log
action=$2
shift 2
while [ $# -gt 0 ]; do
    case $action in
        get) echo "$1:$(cat "$1" 2>/dev/null || echo 0)"; shift ;;
        set) echo "$2" >"$1"; shift 2 ;;
    esac
done
"#;

/// A BMC with a log, a FRU and a temperature of 41 degrees.
const EQUIPMENT: &str = "\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
sel_add 0x20 0x02 0 0 0 0 0x20 0x00 0x04 0x01 0x01 0x01 0x59 0x60 0x5f
sel_add 0x20 0x02 0 0 0 0 0x20 0x00 0x04 0x08 0xc8 0x6f 0x03 0xff 0xff
sensor_add 0x20 0 1 0x01 0x01
sensor_set_value 0x20 0 1 0x29 0
sensor_set_event_support 0x20 0 1 enable scanning per-state \
000111111111111 000111111111111 000111111111111 000111111111111
main_sdr_add 0x20 0x00 0x00 0x51 0x01 0x33 0x20 0x00 0x01 0x03 0x01 0x7f 0x68 0x01 0x01 0 0 0 0 0x3f 0x3f 0x80 0x01 \
0x00 0x00 0x01 0 0 0 0 0 0 0 0 0 0x7f 0x80 0 0 0 0 0 0 2 2 0 0 0 0xc8 0x43 0x50 0x55 0x20 0x54 0x65 0x6d 0x70
mc_add_fru_data 0x20 0 64 data 0x01 0x00 0x00 0x01 0x00 0x00 0x00 0xfe 0x01 0x04 0x00 0x01 0x02 0x03 \
0xc4 0x41 0x43 0x4d 0x45 0xc3 0x58 0x31 0x31 0xc4 0x53 0x4e 0x34 0x32 0xc0 0xc1
mc_enable 0x20
";

/// A server says by no sign that it listens; its port refuses until it does, so the driver is the one to ask.
async fn until_it_answers(driver: &Ipmi) {
    for _ in 0..400 {
        match driver.power().await {
            Err(Fault::Unreachable(_)) => tokio::time::sleep(std::time::Duration::from_millis(25)).await,
            other => {
                other.unwrap();
                return;
            }
        }
    }
    panic!("nothing listens yet");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openipmi_s_simulator_obeys_and_tells() {
    let folder = TempDir::new().unwrap();
    let serial = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (_server, port) = ipmi_sim(folder.path(), serial.local_addr().unwrap().port());
    let driver = driver(port, "a-password");
    until_it_answers(&driver).await;
    assert_eq!(driver.power().await, Ok(Power::Off));
    driver.act(PowerAction::On).await.unwrap();
    assert_eq!(driver.power().await, Ok(Power::On));
    // It does what it is told, and then says that its boot flags are not valid, as it says to ipmitool.
    let boot = driver.boot_once(BootOnce::Network, FirmwareMode::Bios).await;
    assert!(matches!(&boot, Err(Fault::NotObeyed(text)) if text.contains("not valid")), "{boot:?}");
    assert!(fs::read_to_string(folder.path().join("log")).unwrap().contains("set boot pxe"));
    assert_eq!(driver.device().await.unwrap().manufacturer, 0x1291);
    assert_eq!(driver.mac().await.unwrap().to_string(), "00:00:00:00:00:00");
    let sensors = driver.sensors().await.unwrap();
    assert_eq!((sensors[0].name.as_str(), sensors[0].value), ("CPU Temp", Some(41.0)), "{sensors:?}");
    let log = driver.log().await.unwrap();
    let messages: Vec<&str> = log.iter().map(|entry| entry.message.as_str()).collect();
    let hot = "Temperature CPU Temp: above upper critical, rising (read 96 degrees C, the limit is 95)";
    assert_eq!(messages, [hot, "Power supply sensor 0xc8: input lost"]);
    let fru = driver.fru().await.unwrap();
    assert_eq!((fru.board.name.as_str(), fru.board.serial.as_str()), ("X11", "SN42"));
    driver.act(PowerAction::Off).await.unwrap();
    assert_eq!(driver.power().await, Ok(Power::Off));

    let (mut line, _) = serial.accept().unwrap();
    let mut console = driver.console(false).await.unwrap();
    line.write_all(b"debian login: ").unwrap();
    read_until(&mut console, "login: ").await;
    console.input.send(Input::Bytes(Bytes::from_static(b"root\r"))).await.unwrap();
    let mut typed = [0; 5];
    line.read_exact(&mut typed).unwrap();
    assert_eq!(&typed, b"root\r");
    let second = driver.console(false).await;
    assert!(matches!(second, Err(Fault::Busy(_) | Fault::Unsupported(_))), "{second:?}");
}

#[tokio::test]
async fn wrong_passwords_and_users_are_told_apart_by_others_too() {
    let folder = TempDir::new().unwrap();
    let (_server, port) = ipmi_sim(folder.path(), 1);
    until_it_answers(&driver(port, "a-password")).await;
    let fault = driver(port, "wrong").power().await.unwrap_err();
    assert!(matches!(&fault, Fault::Refused(text) if text.contains("password is wrong")), "{fault}");
    let nobody = Ipmi::new("127.0.0.1", port, Login::new("nobody", "a-password", None).unwrap());
    let fault = nobody.power().await.unwrap_err();
    assert!(matches!(&fault, Fault::Refused(text) if text.contains("does not know the user")), "{fault}");
}

#[tokio::test]
async fn pyghmi_s_bmc_obeys() {
    let port = free_udp_port();
    let mut command = Command::new("/usr/bin/fakebmc");
    command.args(["--port", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    let _server = Server(command.spawn().expect("fakebmc, from Debian's python3-pyghmi"));
    let driver = Ipmi::new("127.0.0.1", port, Login::new("admin", "password", None).unwrap());
    until_it_answers(&driver).await;
    driver.act(PowerAction::On).await.unwrap();
    assert_eq!(driver.power().await, Ok(Power::On));
    driver.boot_once(BootOnce::Network, FirmwareMode::Uefi).await.unwrap();
    driver.boot_once(BootOnce::Disk, FirmwareMode::Bios).await.unwrap();
    driver.clear_boot().await.unwrap();
    driver.act(PowerAction::Shutdown).await.unwrap();
    assert_eq!(driver.power().await, Ok(Power::Off));
    assert_eq!(driver.device().await.unwrap().ipmi, "2.0");
    assert!(matches!(driver.identify(true).await, Err(Fault::Unsupported(_))));
    assert!(matches!(driver.sensors().await, Err(Fault::Unsupported(_))));
}

/// The password by its environment, as our server would give it.
pub async fn ipmitool(bench: &Bench, suite: Suite, words: &str) -> String {
    let port = bench.address.port().to_string();
    let mut command = tokio::process::Command::new("ipmitool");
    command.env("IPMI_PASSWORD", "a-password").args([
        "-I",
        "lanplus",
        "-H",
        "127.0.0.1",
        "-U",
        "ADMIN",
        "-E",
    ]);
    command.args(["-p", &port, "-C", &suite.id().to_string()]).args(words.split(' '));
    let output = command.output().await.expect("Debian's ipmitool");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}: {err}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn ipmitool_agrees_with_the_bmc_that_our_tests_trust() {
    for suite in [Suite::Three, Suite::Seventeen] {
        let mut model = Model::new(&[suite], 21);
        model.chassis.log = vec![[1, 0, 2, 0x80, 0xe3, 0xa9, 0x65, 0x20, 0, 4, 0x0c, 1, 0x6f, 1, 0xff, 0xff]];
        let bench = Bench::start(model).await;
        assert_eq!(ipmitool(&bench, suite, "power status").await.trim(), "Chassis Power is off");
        ipmitool(&bench, suite, "power on").await;
        assert_eq!(bench.driver().power().await, Ok(Power::On));
        bench.driver().boot_once(BootOnce::Network, FirmwareMode::Uefi).await.unwrap();
        let boot = ipmitool(&bench, suite, "chassis bootparam get 5").await;
        for line in ["Boot Flag Valid", "apply to only next boot", "BIOS EFI boot", "Force PXE"] {
            assert!(boot.contains(line), "{boot}");
        }
        let fru = ipmitool(&bench, suite, "fru print 0").await;
        assert!(fru.contains("E303405X8B12345"), "{fru}");
    }
}
