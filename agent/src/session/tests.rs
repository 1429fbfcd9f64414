//! Conversations with a server of a few lines: TLS by a CA of its own, one scripted answer a request.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use api::rung::{RamFile, RamImage, Rung};
use api::task::{RebootTo, Way};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;

use super::*;
use crate::sample;

/// What the server was asked: method and path, and the body.
type Asked = Arc<Mutex<Vec<(String, String)>>>;
/// What it answers to a path that contains the first text: status and body. Used up one by one.
type Answers = Arc<Mutex<VecDeque<(&'static str, u16, String)>>>;

struct Fake {
    client: Client,
    asked: Asked,
}

fn fake(answers: Vec<(&'static str, u16, String)>) -> Fake {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_string()])
        .unwrap()
        .signed_by(&key, &Issuer::new(ca, ca_key))
        .unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
    let (config, asked, answers) = (Arc::new(config), Asked::default(), Arc::new(Mutex::new(answers.into())));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client =
        Client::new(&format!("https://{}", listener.local_addr().unwrap()), &ca_certificate.pem(), None)
            .unwrap();
    let seen = asked.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (config, seen, answers) = (config.clone(), seen.clone(), answers.clone());
            thread::spawn(move || {
                let tls = rustls::ServerConnection::new(config).unwrap();
                // A client that leaves is how each test ends.
                let _ = converse(rustls::StreamOwned::new(tls, stream.unwrap()), &seen, &answers);
            });
        }
    });
    Fake { client, asked }
}

fn converse(mut stream: impl Read + Write, asked: &Asked, answers: &Answers) -> std::io::Result<()> {
    loop {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let length =
            head.lines().find_map(|l| l.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body)?;
        let line: Vec<&str> = head.split(' ').take(2).collect();
        let line = line.join(" ");
        let (status, answer) = {
            let mut answers = answers.lock().unwrap();
            let place = answers.iter().position(|a| line.contains(a.0));
            place.and_then(|p| answers.remove(p)).map_or((204, String::new()), |a| (a.1, a.2))
        };
        asked.lock().unwrap().push((line, String::from_utf8(body).unwrap()));
        let length =
            if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", answer.len()) };
        write!(stream, "HTTP/1.1 {status} X\r\n{length}\r\n{answer}")?;
        stream.flush()?;
    }
}

impl Fake {
    fn session(&self, home: Home) -> Session {
        Session {
            client: self.client.clone(),
            home,
            boot_id: "boot-1".into(),
            generation: 3,
            clock_error_ms: 0,
            machine: MachineId("m-1".into()),
            ports: vec![],
            server: Server {
                server: String::new(),
                boot: String::new(),
                ca_pem: String::new(),
                ca_sha256: String::new(),
            },
            patience: Duration::from_secs(1),
            log: Log::default(),
        }
    }

    /// Bodies that were sent to a path.
    fn sent(&self, path: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|a| a.0.contains(path)).map(|a| a.1.clone()).collect()
    }
}

fn hello() -> (&'static str, u16, String) {
    (HELLO, 200, serde_json::to_string(&HelloAnswer { server_time: 1, heartbeat: 5 }).unwrap())
}

fn task(id: &str, work: Work) -> (&'static str, u16, String) {
    let task = Task { id: id.into(), generation: 3, work };
    ("/task?", 200, serde_json::to_string(&task).unwrap())
}

fn forbidden_partition() -> Work {
    let plan = sample::plan(sample::planned_disk(96 << 20, 512));
    Work::Partition { hash: "another".into(), plan: Box::new(plan) }
}

async fn run_for(session: &Session, seconds: u64) -> Option<Result<Infallible>> {
    tokio::time::timeout(Duration::from_secs(seconds), session.run()).await.ok()
}

#[tokio::test]
async fn a_session_says_hello_polls_and_tells_how_work_ended() {
    let fake = fake(vec![hello(), task("t1", forbidden_partition())]);
    assert!(run_for(&fake.session(Home::Ram), 3).await.is_none(), "a session ends only by itself");
    assert!(fake.sent(HELLO)[0].contains(r#""home":"ram","boot_id":"boot-1""#));
    assert!(fake.asked.lock().unwrap().iter().any(|a| a.0.starts_with("GET /agent/v1/task?wait=5&boot_id=")));
    let outcome = &fake.sent("/t1/outcome")[0];
    assert!(
        outcome.contains(r#""outcome":"failed""#) && outcome.contains("the task says another"),
        "{outcome}"
    );
    let log = fake.sent("/log").concat();
    assert!(log.contains("task partition of generation 3 begins"), "{log}");
}

#[tokio::test]
async fn an_installed_system_partitions_nothing_and_reports_facts() {
    let fake = fake(vec![hello(), task("t1", forbidden_partition())]);
    assert!(run_for(&fake.session(Home::Disk), 3).await.is_none());
    assert!(fake.sent("/facts")[0].contains(r#""home":"disk""#));
    assert!(fake.sent("/t1/outcome")[0].contains("writes to none"));
}

#[tokio::test]
async fn an_outcome_is_told_until_it_is_heard_and_work_is_not_done_twice() {
    let busy = ("/outcome", 503, String::new());
    let fake = fake(vec![hello(), task("t1", Work::Inspect), busy, task("t1", Work::Inspect)]);
    assert!(run_for(&fake.session(Home::Ram), 5).await.is_none());
    assert_eq!(fake.sent("/facts").len(), 1);
    assert_eq!(fake.sent("/t1/outcome").len(), 3);
    assert!(fake.sent("/t1/outcome").iter().all(|o| o == r#"{"outcome":"done"}"#));
}

#[tokio::test]
async fn a_server_that_restarts_in_the_middle_of_work_fails_nothing() {
    let busy = || ("/facts", 503, String::new());
    let server = fake(vec![hello(), task("t1", Work::Inspect), busy()]);
    assert!(run_for(&server.session(Home::Ram), 5).await.is_none());
    assert_eq!(server.sent("/facts").len(), 2);
    assert_eq!(server.sent("/t1/outcome"), [r#"{"outcome":"done"}"#]);
    // One that stays away: the machine boots anew, and nobody is told that its work failed.
    let away = (0..20).map(|_| busy());
    let server = fake([hello(), task("t1", Work::Inspect)].into_iter().chain(away).collect());
    let error = run_for(&server.session(Home::Ram), 8).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("stayed away"), "{error}");
    assert_eq!(server.sent("/t1/outcome").len(), 0);
}

/// Not with a whole session: one that is wrong here would reboot the machine that runs the tests.
#[tokio::test]
async fn a_refused_outcome_is_unwanted_unless_an_earlier_telling_may_have_been_heard() {
    let refused = || ("/outcome", 409, r#"{"error":"held"}"#.to_string());
    let telling = async |answers| {
        let fake = fake(answers);
        let mut waiting = Waiting::new(Home::Ram, Duration::from_secs(60));
        fake.session(Home::Ram).deliver("t1", &Outcome::Done, &mut waiting).await.unwrap()
    };
    assert_eq!(telling(vec![refused()]).await, Delivery::Unwanted);
    assert_eq!(telling(vec![("/outcome", 503, String::new()), refused()]).await, Delivery::Heard);
}

#[tokio::test]
async fn patience_ends_only_in_ram() {
    let refusals = || (0..20).map(|_| (HELLO, 401, r#"{"error":"not accepted"}"#.to_string())).collect();
    let server = fake(refusals());
    let error = run_for(&server.session(Home::Ram), 8).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("stayed away"), "{error}");
    let server = fake(refusals());
    assert!(run_for(&server.session(Home::Disk), 5).await.is_none());
    assert!(server.sent(HELLO).len() >= 3);
}

/// With no patience at all, and a server that answers nothing any more while the disk is written.
#[tokio::test]
async fn a_machine_that_writes_is_not_rebooted_for_a_silent_server() {
    let away = || (0..20).map(|_| ("/t1/", 503, String::new())).collect();
    let server = fake(away());
    let session = Session { patience: Duration::ZERO, ..server.session(Home::Ram) };
    let written = session
        .with_reports("t1", async |report| {
            report.phase("writing the OS", 1);
            while server.sent("/t1/progress").is_empty() {
                tokio::task::yield_now().await;
            }
            report.still_wanted()?;
            Ok("to the end")
        })
        .await;
    assert_eq!(written.unwrap(), "to the end", "a refused report ends nothing");
    let mut waiting = Waiting::new(Home::Ram, Duration::ZERO);
    let error = session.deliver("t1", &Outcome::Done, &mut waiting).await.unwrap_err();
    assert!(error.to_string().contains("stayed away"), "patience is asked only afterwards: {error}");
}

#[tokio::test]
async fn progress_is_told_and_a_409_stops_the_work() {
    let fake = fake(vec![("/t1/progress", 204, String::new()), ("/t1/progress", 409, "{}".into())]);
    let report = Report::new(Log::default());
    let posting = {
        let (report, client) = (report.clone(), fake.client.clone());
        tokio::spawn(async move { report.post(client, "t1".into()).await })
    };
    report.phase("download", 100);
    for done in 0..50 {
        report.done(done);
        sleep(Duration::from_millis(40)).await;
    }
    posting.abort();
    let sent = fake.sent("/t1/progress");
    assert!((2..=3).contains(&sent.len()), "at most one a second: {sent:?}");
    assert!(sent[1].starts_with(r#"{"phase":"download","done":"#), "{}", sent[1]);
    assert!(report.still_wanted().unwrap_err().is::<Unwanted>());
}

#[tokio::test]
async fn a_file_is_sent_again_when_the_server_went_away_and_not_when_it_refused() {
    let answers = vec![("/snapshot", 503, String::new()), ("/snapshot", 204, String::new())];
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "all of etcd").unwrap();
    let (server, report) = (fake(answers), Report::new(Log::default()));
    let session = Session { patience: Duration::from_secs(60), ..server.session(Home::Disk) };
    session.upload("/t1/snapshot", file.path(), 11, &report).await.unwrap();
    assert_eq!(server.sent("/t1/snapshot"), ["all of etcd", "all of etcd"]);

    let refusing = fake(vec![("/snapshot", 409, "{}".into())]);
    let error = refusing.session(Home::Disk).upload("/t1/snapshot", file.path(), 11, &report).await;
    assert!(error.is_err(), "a refusal is final");
    assert_eq!(refusing.sent("/t1/snapshot").len(), 1);
    report.stop();
    let error = refusing.session(Home::Disk).upload("/t1/snapshot", file.path(), 11, &report).await;
    assert!(error.unwrap_err().is::<Unwanted>(), "nor is anything sent that nobody wants");
    assert_eq!(refusing.sent("/t1/snapshot").len(), 1);
}

#[tokio::test]
async fn out_of_ram_there_is_no_way_but_through_the_firmware() {
    let fake = fake(vec![]);
    let session = fake.session(Home::Ram);
    let file = |path: &str| RamFile { path: path.into(), size: 1, sha256: String::new() };
    let ram = RamImage { kernel: file("/k"), initrd: file("/i"), arguments: vec![] };
    for rung in [Rung::Kexec, Rung::Grub] {
        let way = Way { rung, ram: Some(ram.clone()) };
        let report = Report::new(session.log.clone());
        let refusal = crate::leave::prepare(&session, RebootTo::Disk, Some(&way), &report).await.unwrap_err();
        assert_eq!(refusal.to_string(), "this agent is in RAM already");
    }
    assert!(fake.asked.lock().unwrap().is_empty(), "nothing was fetched");
}
