//! Against sushy-emulator, a server of others' making, with its own machines that take seconds to go on and off:
//! TLS with a certificate of old, basic authentication, several systems behind one address, an override that stays `Continuous`.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use api::bmc::{BootOnce, Fault, FirmwareMode, Power, PowerAction};
use reqwest::Url;
use server::bmc::Driver;
use server::bmc::access::Password;
use server::bmc::redfish::{Identity, Login, Pace, Redfish};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

struct Emulator {
    url: Url,
    folder: TempDir,
    _process: Child,
}

/// Of `emulated`: bcrypt is all that it reads.
const HASH: &str = "$2b$04$0BTXGF3fzL1GjRxOYRPCoeCB9aFUuYTy3KQr2bdjlz3PKW9lCJeqy";
const UUID: &str = "27946b59-9e44-4fa7-8e91-f3527a1ef09";

impl Emulator {
    async fn start() -> Emulator {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let installed = Command::new(root.join(".ci/python")).arg("sushy-tools").output().await.unwrap();
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        let programs = String::from_utf8(installed.stdout).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = configure(folder.path());
        let mut process = Command::new(Path::new(programs.trim()).join("sushy-emulator"))
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let url = loop {
            let line = timeout(Duration::from_secs(60), lines.next_line()).await.expect("it says nothing");
            let line = line.unwrap().unwrap_or_else(|| panic!("it ended: {said:?}"));
            if let Some((_, url)) = line.split_once("Running on ") {
                break url.trim().parse().unwrap();
            }
            said.push(line);
        };
        // It stops when nobody reads what it says.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Emulator { url, folder, _process: process }
    }

    fn driver(&self, machine: char, password: &str) -> Redfish {
        let login = Login { user: "metald".into(), password: Password::new(password) };
        let identity = Identity { uuid: Some(format!("{UUID}{machine}")), serial: None };
        Redfish::new(self.url.clone(), login, identity, None, Pace::default()).unwrap()
    }
}

fn configure(folder: &Path) -> std::path::PathBuf {
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (certificate, key) = certificate(folder);
    let users = file("users", &format!("metald:{HASH}\n"));
    let machine = |last: char, power: &str| {
        let nic = "{'mac': '00:5c:52:31:3a:9c', 'ip': '172.22.0.100'}";
        let rest = format!("'power_state': '{power}', 'external_notifier': False, 'nics': [{nic}]");
        format!("{{'uuid': '{UUID}{last}', 'name': 'machine-{last}', {rest}}}")
    };
    let machines =
        [machine('1', "Off"), machine('2', "On"), machine('3', "On"), machine('4', "Off")].join(", ");
    let text = format!(
        "SUSHY_EMULATOR_LISTEN_IP = '127.0.0.1'\nSUSHY_EMULATOR_LISTEN_PORT = 0\n\
         SUSHY_EMULATOR_SSL_CERT = '{certificate}'\nSUSHY_EMULATOR_SSL_KEY = '{key}'\n\
         SUSHY_EMULATOR_AUTH_FILE = '{users}'\nSUSHY_EMULATOR_STATE_DIR = '{}'\n\
         SUSHY_EMULATOR_FAKE_DRIVER = True\nSUSHY_EMULATOR_FAKE_SYSTEMS = [{machines}]\n",
        folder.display()
    );
    file("emulator.conf", &text).into()
}

/// As old BMCs have them: of X.509's version 1.
fn certificate(folder: &Path) -> (String, String) {
    let in_folder = |name: &str| folder.join(name).display().to_string();
    let (certificate, key, request) =
        (in_folder("certificate.pem"), in_folder("key.pem"), in_folder("request.pem"));
    let new = ["req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=bmc"];
    openssl(&[&new[..], &["-keyout", &key, "-out", &request]].concat());
    openssl(&["x509", "-req", "-in", &request, "-signkey", &key, "-days", "2", "-out", &certificate]);
    let pem = fs::read(&certificate).unwrap();
    let (_, pem) = x509_parser::pem::parse_x509_pem(&pem).unwrap();
    assert_eq!(pem.parse_x509().unwrap().version(), x509_parser::x509::X509Version::V1);
    (certificate, key)
}

fn openssl(arguments: &[&str]) {
    let run = std::process::Command::new("openssl").args(arguments).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

/// Its machines need up to eleven seconds.
async fn becomes(driver: &Redfish, power: Power) {
    let seen = async {
        while driver.power().await.unwrap() != power {
            sleep(Duration::from_millis(300)).await;
        }
    };
    timeout(Duration::from_secs(60), seen).await.unwrap_or_else(|_| panic!("never {power:?}"));
}

#[tokio::test]
async fn a_server_that_is_not_ours_obeys() {
    let emulator = Emulator::start().await;
    let of = |machine| emulator.driver(machine, "emulated");
    let up = async {
        let driver = of('1');
        assert_eq!(driver.power().await, Ok(Power::Off));
        driver.act(PowerAction::On).await.unwrap();
        becomes(&driver, Power::On).await;
    };
    let down = async {
        let driver = of('2');
        driver.act(PowerAction::Shutdown).await.unwrap();
        becomes(&driver, Power::Off).await;
    };
    let around = async {
        let driver = of('3');
        driver.act(PowerAction::Cycle).await.unwrap();
        becomes(&driver, Power::On).await;
    };
    let once = async {
        let driver = of('4');
        driver.boot_once(BootOnce::Network, FirmwareMode::Uefi).await.unwrap();
        let read = driver.boot_override().await.unwrap();
        assert_eq!(read.target.as_deref(), Some("Pxe"));
        // It was told `Once`, and says otherwise.
        assert!(read.stays(), "{read:?}");
        assert_eq!(driver.boot_kept().await, Ok(true));
        driver.boot_once(BootOnce::Disk, FirmwareMode::Bios).await.unwrap();
        assert_eq!(driver.boot_override().await.unwrap().mode.as_deref(), Some("Legacy"));
        driver.clear_boot().await.unwrap();
        assert_eq!(driver.boot_kept().await, Ok(false));
    };
    let read = async {
        let driver = of('1');
        let hardware = driver.hardware().await.unwrap();
        assert_eq!(hardware.uuid, Some(format!("{UUID}1")));
        assert_eq!(hardware.interfaces[0].mac, "00:5c:52:31:3a:9c");
        driver.sensors().await.unwrap();
        driver.log().await.unwrap();
    };
    let refused = async {
        let fault = emulator.driver('1', "wrong").power().await.unwrap_err();
        assert!(matches!(fault, Fault::Refused(_)), "{fault}");
        let fault = of('9').power().await.unwrap_err();
        assert!(matches!(&fault, Fault::Unsupported(what) if what.contains("is not behind it")), "{fault}");
    };
    tokio::join!(up, down, around, once, read, refused);
    assert!(emulator.folder.path().exists());
}
