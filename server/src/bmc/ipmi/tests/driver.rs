//! The driver over UDP on loopback, each verb.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::bmc::{BootOnce, Fault, FirmwareMode, Power, PowerAction};
use bytes::Bytes;
use tokio::net::UdpSocket;

use super::super::suite::Suite;
use super::super::{Ipmi, Login, Patience};
use super::model::Model;
use crate::bmc::Driver;
use crate::bmc::console::{Console, Input};

pub struct Bench {
    pub address: SocketAddr,
    pub model: Arc<Mutex<Model>>,
    /// What was said, as `> hex` to the BMC and `< hex` from it.
    pub said: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Bench {
    pub async fn start(model: Model) -> Bench {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let model = Arc::new(Mutex::new(model));
        let said = Arc::new(Mutex::new(Vec::new()));
        let (inside, record) = (model.clone(), said.clone());
        let task = tokio::spawn(async move {
            let mut buffer = [0; 1024];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let answers = inside.lock().unwrap_or_else(PoisonError::into_inner).handle(&buffer[..length]);
                let mut lines = vec![format!("> {}", hex::encode(&buffer[..length]))];
                lines.extend(answers.iter().map(|answer| format!("< {}", hex::encode(answer))));
                record.lock().unwrap_or_else(PoisonError::into_inner).extend(lines);
                for answer in answers {
                    let _ = socket.send_to(&answer, peer).await;
                }
            }
        });
        Bench { address, model, said, task }
    }

    /// With sensors, a log and a console.
    pub async fn equipped() -> Bench {
        Bench::start(equipped()).await
    }

    pub fn driver(&self) -> Ipmi {
        driver(self.address.port(), "a-password")
    }

    fn with<T>(&self, look: impl FnOnce(&mut Model) -> T) -> T {
        look(&mut self.model.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub fn driver(port: u16, password: &str) -> Ipmi {
    let login = Login::new("ADMIN", password, None).unwrap();
    // Loopback loses nothing, and a test that fails need not wait for long.
    Ipmi::new("127.0.0.1", port, login).with_patience(Patience {
        first: Duration::from_millis(500),
        longest: Duration::from_millis(500),
        tries: 3,
    })
}

fn record(id: u8, number: u8, name: &str) -> Vec<u8> {
    let key = [0x20, 0, number, 3, 1, 0x7f, 0x68, 1, 1, 0, 0, 0, 0, 0, 0];
    let unit = [0x80, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let mut record = vec![id, 0, 0x51, 1, 0];
    record.extend(key);
    record.extend(unit);
    record.extend([0; 16]);
    record.push(0xc0 | name.len() as u8);
    record.extend(name.as_bytes());
    record[4] = record.len() as u8 - 5;
    record
}

pub fn equipped() -> Model {
    let mut model = Model::new(&[Suite::Seventeen, Suite::Three], 11);
    model.chassis.records = vec![record(1, 1, "CPU Temp"), record(2, 2, "Inlet Temp")];
    let entry = |id: u8| [id, 0, 2, 0x80, 0xe3, 0xa9, 0x65, 0x20, 0, 4, 1, 1, 1, 0x59, 96, 95];
    model.chassis.log = vec![entry(1), entry(5)];
    model
}

#[tokio::test]
async fn power_as_the_lifecycle_wants_it() {
    let bench = Bench::start(equipped()).await;
    let driver = bench.driver();
    assert_eq!(driver.power().await, Ok(Power::Off));
    let refused = driver.act(PowerAction::Shutdown).await;
    assert!(matches!(&refused, Err(Fault::NotObeyed(text)) if text.contains("127.0.0.1")), "{refused:?}");
    driver.act(PowerAction::Cycle).await.unwrap();
    assert_eq!(driver.power().await, Ok(Power::On));
    for action in [PowerAction::Cycle, PowerAction::Shutdown, PowerAction::On, PowerAction::Off] {
        driver.act(action).await.unwrap();
    }
    driver.reset().await.unwrap();
    assert_eq!(bench.with(|model| model.chassis.controls.clone()), [5, 1, 2, 5, 1, 0, 3]);
    assert_eq!(bench.with(|model| model.sessions.len()), 1, "one session for all of it");
}

#[tokio::test]
async fn boot_light_and_identity() {
    let bench = Bench::start(equipped()).await;
    let driver = bench.driver();
    driver.boot_once(BootOnce::Network, FirmwareMode::Uefi).await.unwrap();
    assert_eq!(bench.with(|model| model.chassis.boot[&5].clone()), [0xa0, 0x04, 0, 0, 0]);
    assert_eq!(bench.with(|model| model.chassis.boot[&3].clone()), [8]);
    assert_eq!(driver.boot_kept().await, Ok(true));
    driver.clear_boot().await.unwrap();
    assert_eq!(driver.boot_kept().await, Ok(false));
    assert_eq!(bench.with(|model| model.chassis.boot[&5].clone()), [0x80, 0, 0, 0, 0]);
    driver.identify(true).await.unwrap();
    assert!(bench.with(|model| model.chassis.lit));
    driver.identify(false).await.unwrap();
    assert!(!bench.with(|model| model.chassis.lit));
    assert_eq!(driver.device().await.unwrap().firmware, "3.88");
    assert_eq!(driver.mac().await.unwrap().to_string(), "ac:1f:6b:01:02:03");
    assert_eq!(driver.fru().await.unwrap().product.serial, "E303405X8B12345");
    driver.close().await.unwrap();
    assert_eq!(bench.with(|model| model.sessions.len()), 0);
    bench.with(|model| model.chassis.boot.clear());
    assert_eq!(driver.boot_kept().await, Ok(false), "it cannot say");
}

#[tokio::test]
async fn sensors_are_read_anew_and_their_records_once() {
    let bench = Bench::start(equipped()).await;
    let driver = bench.driver();
    let sensors = driver.sensors().await.unwrap();
    let line = |at: usize| (sensors[at].name.as_str(), sensors[at].value, sensors[at].health.as_deref());
    assert_eq!(line(0), ("CPU Temp", Some(41.0), Some("ok")));
    assert_eq!(line(1), ("Inlet Temp", None, None), "the model cannot read it");
    let reads = bench.with(|model| model.chassis.reads);
    driver.sensors().await.unwrap();
    let log = driver.log().await.unwrap();
    assert_eq!(bench.with(|model| model.chassis.reads), reads);
    assert_eq!((log.len(), log[1].id.as_str()), (2, "5"));
    assert!(log[0].message.starts_with("Temperature CPU Temp: above upper critical"), "{:?}", log[0]);
    assert_eq!(driver.log_after(Some(1)).await.unwrap().len(), 1);
    bench.with(|model| model.chassis.records.push(record(3, 3, "PCH Temp")));
    assert_eq!(driver.sensors().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_session_that_the_bmc_forgot_is_opened_anew() {
    let bench = Bench::start(equipped()).await;
    let driver = bench.driver();
    driver.power().await.unwrap();
    bench.with(|model| model.sessions.clear());
    assert_eq!(driver.power().await, Ok(Power::Off));
    driver.reset_bmc().await.unwrap();
    assert_eq!(bench.with(|model| model.chassis.resets), 1);
    assert_eq!(driver.power().await, Ok(Power::Off));
}

#[tokio::test]
async fn a_request_that_is_given_up_harms_none_after_it() {
    let bench = Bench::start(equipped()).await;
    let driver = bench.driver();
    driver.power().await.unwrap();
    bench.with(|model| model.dead = true);
    let given_up = tokio::time::timeout(Duration::from_millis(20), driver.power()).await;
    assert!(given_up.is_err());
    bench.with(|model| model.dead = false);
    assert_eq!(driver.power().await, Ok(Power::Off));
}

#[tokio::test]
async fn faults_name_the_bmc_and_never_the_password() {
    let bench = Bench::start(equipped()).await;
    let fault = driver(bench.address.port(), "secret-but-wrong").power().await.unwrap_err();
    assert!(matches!(fault, Fault::Refused(_)), "{fault}");
    assert!(
        fault.to_string().contains(&format!("127.0.0.1 (IPMI, UDP {})", bench.address.port())),
        "{fault}"
    );
    assert!(!fault.to_string().contains("secret-but-wrong"));
    bench.with(|model| model.mute = true);
    let fault = bench.driver().power().await.unwrap_err();
    assert!(matches!(fault, Fault::Hung(_)), "{fault}");
    bench.with(|model| model.dead = true);
    let fault = bench.driver().power().await.unwrap_err();
    assert!(matches!(fault, Fault::Silent(_)), "{fault}");
    let nobody = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    let fault = driver(nobody.port(), "x").power().await.unwrap_err();
    assert!(matches!(&fault, Fault::Unreachable(text) if text.contains("nothing listens")), "{fault}");
}

#[tokio::test]
async fn suites_are_the_site_s_choice() {
    let bench = Bench::start(Model::new(&[Suite::Seventeen], 12)).await;
    assert_eq!(bench.driver().with_suites(&[3, 17]).unwrap().power().await, Ok(Power::Off));
    let fault = bench.driver().with_suites(&[3]).unwrap().power().await.unwrap_err();
    assert!(matches!(fault, Fault::Unsupported(_)), "{fault}");
    assert!(
        matches!(bench.driver().with_suites(&[17, 8]), Err(Fault::Unsupported(text)) if text.contains('8'))
    );
    assert!(bench.driver().with_suites(&[]).is_err());
}

pub async fn read_until(console: &mut Console, end: &str) -> String {
    let mut text = String::new();
    let reading = async {
        while !text.contains(end) {
            let chunk = console.output.recv().await.expect("the console ended").expect("a fault");
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), reading).await;
    assert!(waited.is_ok(), "no `{end}` in `{text}`");
    text
}

#[tokio::test]
async fn a_console_carries_bytes_and_breaks_and_ends() {
    let bench = Bench::start(equipped()).await;
    let mut console = bench.driver().console(false).await.unwrap();
    assert_eq!(read_until(&mut console, "login: ").await, "login: ");
    let long = "x".repeat(300);
    console.input.send(Input::Bytes(Bytes::from(long.clone()))).await.unwrap();
    assert_eq!(read_until(&mut console, &long.to_uppercase()).await, long.to_uppercase());
    console.input.send(Input::Break).await.unwrap();
    console.input.send(Input::Bytes("root\r".into())).await.unwrap();
    read_until(&mut console, "ROOT\r").await;
    assert!(bench.with(|model| model.chassis.typed.clone()).ends_with(b"<break>root\r"));
    let Console { mut output, input } = console;
    drop(input);
    while output.recv().await.is_some() {}
    // The channel ends with the line, which has said goodbye by then.
    assert_eq!(bench.with(|model| model.sessions.len()), 0);
}

/// Nothing is heard of it but its going: a BMC has few sessions.
async fn is_left(bench: &Bench) {
    let left = async {
        while bench.with(|model| !model.sessions.is_empty()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), left).await.expect("its session stays open");
}

#[tokio::test]
async fn a_session_in_which_something_is_not_answered_is_closed() {
    let bench = Bench::start(equipped()).await;
    for (request, name) in [((6, 0x48), "Activate Payload"), ((6, 0x3b), "Set Session Privilege Level")] {
        bench.with(|model| model.deaf_to = Some(request));
        let fault = bench.driver().console(false).await.err().unwrap();
        assert!(matches!(&fault, Fault::Hung(what) if what.contains(name)), "{fault}");
        is_left(&bench).await;
    }
}
