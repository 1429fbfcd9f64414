//! Each verb of the IPMI driver, with either cipher suite: what the board was told, and what is read back.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use api::bmc::{BootOnce, Fault, FirmwareMode, Power, PowerAction};
use lab::bmc::User;
use lab::bmc::board::{Action, Board, Boot, Light, Mode, Persistence, Target};
use lab::bmc::fault::Faults;
use lab::bmc::ipmi::{Handle, Settings, Suite, serve};
use server::bmc::Driver;
use server::bmc::console::{Console, Input};
use server::bmc::ipmi::{Ipmi, Login};

use crate::board::Memory;

pub const USER: &str = "ADMIN";
pub const PASSWORD: &str = "a-password-of-18-b";
pub struct Bench {
    pub board: Arc<Memory>,
    pub faults: Faults,
    lines: Receiver<UnixStream>,
    handle: Handle,
}

impl Bench {
    pub fn new(settings: Settings) -> Bench {
        let (board, lines) = Memory::new();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let users = vec![User { name: USER.into(), password: PASSWORD.into() }];
        let faults = Faults::default();
        let handle = serve(socket, board.clone(), faults.clone(), users, settings).unwrap();
        Bench { board, faults, lines, handle }
    }

    pub fn address(&self) -> SocketAddr {
        self.handle.address
    }

    pub fn driver(&self) -> Ipmi {
        self.driver_with(USER, PASSWORD, None)
    }

    pub fn driver_with(&self, name: &str, password: &str, key: Option<&[u8]>) -> Ipmi {
        let login = Login::new(name, password, key).unwrap();
        Ipmi::new("127.0.0.1", self.handle.address.port(), login)
    }
}

#[track_caller]
pub fn assert_says(fault: &Fault, kind: fn(String) -> Fault, words: &str) {
    let text = fault.to_string();
    let same = std::mem::discriminant(fault) == std::mem::discriminant(&kind(String::new()));
    assert!(same && text.contains(words), "{text}");
    assert!(!text.contains(PASSWORD), "{text}");
}

#[tokio::test]
async fn power_and_boot_are_as_the_driver_wants_them() {
    for suite in [Suite::Seventeen, Suite::Three] {
        let bench = Bench::new(Settings { suites: vec![suite], ..Settings::default() });
        let driver = bench.driver();
        assert_eq!(driver.power().await, Ok(Power::Off));
        driver.boot_once(BootOnce::Network, FirmwareMode::Uefi).await.unwrap();
        assert_eq!(driver.boot_kept().await, Ok(true), "before the start that it is for");
        driver.act(PowerAction::On).await.unwrap();
        assert_eq!(driver.power().await, Ok(Power::On));
        assert_eq!(driver.boot_kept().await, Ok(false));
        driver.boot_once(BootOnce::Disk, FirmwareMode::Bios).await.unwrap();
        driver.act(PowerAction::Cycle).await.unwrap();
        driver.boot_once(BootOnce::Network, FirmwareMode::Bios).await.unwrap();
        driver.clear_boot().await.unwrap();
        assert_eq!(bench.board.boot(), Boot::NONE);
        driver.reset().await.unwrap();
        driver.act(PowerAction::Shutdown).await.unwrap();
        assert_eq!(driver.power().await, Ok(Power::Off));
        let fault = driver.act(PowerAction::Shutdown).await.unwrap_err();
        assert_says(&fault, Fault::NotObeyed, "0xd5");
        driver.act(PowerAction::Cycle).await.unwrap();
        driver.act(PowerAction::Off).await.unwrap();
        use Action::{Cycle, Off, On, Reset, Shutdown};
        assert_eq!(bench.board.actions(), [On, Cycle, Reset, Shutdown, On, Off]);
        let once = |target, mode| Boot { target, persistence: Persistence::Once, mode: Some(mode) };
        let first = [once(Target::Network, Mode::Uefi), once(Target::Disk, Mode::Bios)];
        assert_eq!(bench.board.starts()[..2], first);
        driver.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_the_board_has_is_read() {
    let bench = Bench::new(Settings::default());
    let driver = bench.driver();
    bench.board.act(Action::On).unwrap();
    driver.identify(true).await.unwrap();
    assert_eq!(bench.board.light(), Light::Lit);
    driver.identify(false).await.unwrap();
    assert_eq!(bench.board.light(), Light::Off);

    let sensors = driver.sensors().await.unwrap();
    let read: Vec<(&str, Option<f64>, &str)> =
        sensors.iter().map(|sensor| (sensor.name.as_str(), sensor.value, sensor.unit.as_str())).collect();
    let expected = [
        ("CPU Temp", Some(47.0), "degrees C"),
        ("Exhaust Temp", Some(61.0), "degrees C"),
        ("Fan 1", Some(4960.0), "RPM"),
        ("Draw", Some(144.0), "W"),
        ("12V", Some(12.06), "V"),
    ];
    assert_eq!(read, expected);
    assert!(sensors[1].health.as_ref().is_some_and(|health| health.contains("critical")), "{sensors:?}");

    let log = driver.log().await.unwrap();
    let said: Vec<(&str, &str)> =
        log.iter().map(|entry| (entry.severity.as_str(), entry.at.as_str())).collect();
    assert_eq!(said[1], ("Critical", "2023-11-14T22:13:22Z"), "{log:#?}");
    assert!(log[0].message.contains("working") && log[2].message.contains("off"), "{log:#?}");
    assert_eq!(driver.log_after(Some(2)).await.unwrap(), log[2..]);

    assert_eq!(driver.device().await.unwrap().ipmi, "2.0");
    assert_eq!(driver.mac().await.unwrap().to_string(), "52:54:00:f7:00:01");
    let fru = driver.fru().await.unwrap();
    assert_eq!((fru.board.serial.as_str(), fru.product.name.as_str()), ("SN-0042", "Lab machine 2"));
    let hardware = driver.hardware().await.unwrap();
    let (system, board) = (hardware.system, hardware.board);
    assert_eq!((system.serial.as_str(), system.product.as_str()), ("SN-0042", "Lab machine 2"));
    assert_eq!((board.serial.as_str(), hardware.draw), ("SN-0042", Some(144.0)));
    assert!(
        hardware.bmc.model.ends_with("IPMI 2.0") && !hardware.bmc.version.is_empty(),
        "{:?}",
        hardware.bmc
    );
    assert_eq!(hardware.unread, [""; 0]);
}

#[tokio::test]
async fn the_console_is_the_machine_s() {
    let bench = Bench::new(Settings::default());
    bench.board.act(Action::On).unwrap();
    let mut console = bench.driver().console(false).await.unwrap();
    let mut line = bench.lines.recv_timeout(Duration::from_secs(5)).unwrap();
    let text = "Debian GNU/Linux\r\n".repeat(300);
    let sent = text.clone();
    let writer = std::thread::spawn(move || {
        line.write_all(sent.as_bytes()).unwrap();
        line
    });
    assert_eq!(read(&mut console, text.len()).await, text);
    let mut line = writer.join().unwrap();
    console.input.send(Input::Bytes("root\r".into())).await.unwrap();
    console.input.send(Input::Break).await.unwrap();
    console.input.send(Input::Bytes("b".into())).await.unwrap();
    let mut typed = [0; 6];
    let (mut typed, mut line) = tokio::task::spawn_blocking(move || {
        line.read_exact(&mut typed).unwrap();
        (typed, line)
    })
    .await
    .unwrap();
    assert_eq!(&typed, b"root\rb");
    assert_eq!(bench.board.breaks(), 1, "before the letter behind it");

    let fault = bench.driver().console(false).await.unwrap_err();
    assert_says(&fault, Fault::Busy, "somebody else has its console");
    let mut taken = bench.driver().console(true).await.unwrap();
    let ended = loop {
        match console.output.recv().await.expect("why it ended") {
            Ok(_) => {}
            Err(fault) => break fault,
        }
    };
    assert_says(&ended, Fault::Busy, "ended the console");
    assert_eq!(line.read(&mut typed).unwrap(), 0);
    let mut line = bench.lines.recv_timeout(Duration::from_secs(5)).unwrap();
    line.write_all(b"hello").unwrap();
    assert_eq!(read(&mut taken, 5).await, "hello");
    drop(taken);
    let rest = tokio::task::spawn_blocking(move || line.read_to_end(&mut vec![]).unwrap());
    assert_eq!(rest.await.unwrap(), 0, "the port is free again");
}

#[tokio::test]
async fn a_port_that_is_in_use_is_busy() {
    let bench = Bench::new(Settings::default());
    bench.board.act(Action::On).unwrap();
    bench.board.take_console(true);
    let fault = bench.driver().console(false).await.unwrap_err();
    assert_says(&fault, Fault::Busy, "somebody else has its console");
    // Of a machine that is off it comes with its power.
    bench.board.act(Action::Off).unwrap();
    let mut console = bench.driver().console(false).await.unwrap();
    bench.board.take_console(false);
    bench.board.act(Action::On).unwrap();
    let mut line = bench.lines.recv_timeout(Duration::from_secs(5)).unwrap();
    line.write_all(b"SeaBIOS").unwrap();
    assert_eq!(read(&mut console, 7).await, "SeaBIOS");
}

async fn read(console: &mut Console, length: usize) -> String {
    let mut all = vec![];
    while all.len() < length {
        all.extend(console.output.recv().await.expect("output").unwrap());
    }
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn a_bmc_that_restarts_is_found_again() {
    let bench = Bench::new(Settings { restart: Duration::from_millis(300), ..Settings::default() });
    let driver = bench.driver();
    driver.power().await.unwrap();
    driver.reset_bmc().await.unwrap();
    assert_eq!(driver.power().await, Ok(Power::Off));
}
