//! A receiver gets every change of state, in order and signed, also what happened while it was away, and keeps
//! nobody waiting.

mod metald;

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use api::event::Event;
use api::id::MachineId;
use api::state::{Home, State};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use ring::hmac;
use serde_json::Value;
use server::app::App;
use server::config::{Site, Webhook};
use server::store::Mark;
use server::store::machine::Birth;
use server::webhook::{Pace, Receiver, tell};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const SECRET: &str = "a secret of some length";

/// What arrived: headers and body.
type Posted = (HeaderMap, Bytes);

#[derive(Clone)]
struct Listening {
    posted: mpsc::UnboundedSender<Posted>,
    /// So many are refused first, and each is told of.
    refusals: Arc<AtomicU64>,
    refused: mpsc::UnboundedSender<()>,
}

async fn receive(Shared(listening): Shared<Listening>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if listening.refusals.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
        listening.refused.send(()).unwrap();
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    listening.posted.send((headers, body)).unwrap();
    StatusCode::NO_CONTENT
}

struct Bench {
    app: App,
    webhook: Webhook,
    posted: mpsc::UnboundedReceiver<Posted>,
    refusals: Arc<AtomicU64>,
    refused: mpsc::UnboundedReceiver<()>,
    failures: Arc<AtomicU64>,
    seen: BTreeSet<String>,
    _folder: TempDir,
}

impl Bench {
    async fn new(states: Vec<State>) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let app = metald::app(&folder, Site::parse("name = \"lab\"").unwrap()).await;
        let (sender, posted) = mpsc::unbounded_channel();
        let (refusing, refused) = mpsc::unbounded_channel();
        let listening = Listening { posted: sender, refusals: Arc::default(), refused: refusing };
        let refusals = listening.refusals.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().route("/hook", post(receive)).with_state(listening);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let secret_file = folder.path().join("hook.key");
        fs::write(&secret_file, format!("{SECRET}\n")).unwrap();
        let webhook = Webhook { name: "chat".into(), url, secret_file, states };
        // It was there before anything happened.
        app.store.webhook_mark("chat", Mark::default()).await.unwrap();
        Bench {
            app,
            webhook,
            posted,
            refusals,
            refused,
            failures: Arc::default(),
            seen: BTreeSet::new(),
            _folder: folder,
        }
    }

    fn tell(&self) -> JoinHandle<anyhow::Result<()>> {
        let short = Duration::from_millis(5);
        let pace = Pace { settle: Duration::ZERO, first: short, most: short, look: short };
        let receiver = Receiver::new(&self.webhook).unwrap();
        tokio::spawn(tell(self.app.clone(), receiver, pace, self.failures.clone()))
    }

    /// A machine that fails at once: `discovered`, `inspecting`, `failed`.
    async fn fails(&self, name: &str) {
        let birth = Birth { enrolled: true, ..Birth::default() };
        let id = self
            .app
            .store
            .machine_born(birth, MachineId(name.into()), server::clock::now())
            .await
            .unwrap()
            .id();
        let hello = Event::Hello { home: Home::Ram, boot_id: "b".into(), generation: 0 };
        for event in [hello, Event::Hold, Event::Release, Event::StepFailed { reason: "no disk".into() }] {
            self.app.store.submit(&id, event, "test", server::clock::now()).await.unwrap();
        }
    }

    /// The next change; one that comes twice counts once, as for every receiver.
    async fn next(&mut self) -> (HeaderMap, Value) {
        loop {
            let (headers, change) = self.arrived().await;
            if self.seen.insert(change["id"].to_string()) {
                return (headers, change);
            }
        }
    }

    async fn arrived(&mut self) -> (HeaderMap, Value) {
        let posted = tokio::time::timeout(Duration::from_secs(20), self.posted.recv()).await;
        let (headers, body) = posted.expect("nothing arrived in 20 s").unwrap();
        let signature = headers["metald-signature"].to_str().unwrap();
        let (second, tag) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
        let signed = [second.as_bytes(), b".", &body].concat();
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        hmac::verify(&key, &signed, &hex::decode(tag).unwrap()).expect("the signature");
        (headers, serde_json::from_slice(&body).unwrap())
    }
}

fn brief(change: &Value) -> String {
    let text = |field: &str| change[field].as_str().unwrap_or_default();
    format!("{} {}>{}", text("machine"), text("from"), text("to"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_arrives_once_in_order_and_signed() {
    let mut bench = Bench::new(vec![]).await;
    bench.refusals.store(3, Relaxed);
    let telling = bench.tell();
    bench.fails("m1").await;
    let (headers, first) = bench.next().await;
    assert_eq!(brief(&first), "m1 discovered>inspecting");
    assert_eq!(
        (&first["site"], headers["metald-delivery"].to_str().ok()),
        (&"lab".into(), first["id"].as_str())
    );
    let (_, second) = bench.next().await;
    assert_eq!((brief(&second).as_str(), second["note"].as_str()), ("m1 inspecting>failed", Some("no disk")));
    telling.abort();

    // It was away, and so were we: what happened meanwhile comes, what was told does not come again.
    bench.fails("m2").await;
    let telling = bench.tell();
    assert_eq!(brief(&bench.next().await.1), "m2 discovered>inspecting");
    assert_eq!(brief(&bench.next().await.1), "m2 inspecting>failed");
    telling.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_away_keeps_nobody_waiting() {
    let mut bench = Bench::new(vec![State::Failed]).await;
    bench.refusals.store(u64::MAX, Relaxed);
    let telling = bench.tell();
    // All of it is written, whoever listens.
    for name in ["m1", "m2", "m3"] {
        bench.fails(name).await;
    }
    for _ in 0..4 {
        bench.refused.recv().await.unwrap();
    }
    assert!(bench.failures.load(Relaxed) >= 3, "monitoring is told");
    bench.refusals.store(0, Relaxed);
    for name in ["m1", "m2", "m3"] {
        assert_eq!(brief(&bench.next().await.1), format!("{name} inspecting>failed"));
    }
    telling.abort();
}

#[test]
fn a_secret_is_read_from_its_file_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let secret_file = folder.path().join("hook.key");
    let webhook = Webhook { name: "chat".into(), url: "https://x".into(), secret_file, states: vec![] };
    let refused = || Receiver::new(&webhook).err().unwrap().to_string();
    assert!(refused().contains("cannot read"), "{}", refused());
    fs::write(&webhook.secret_file, "short\n").unwrap();
    assert!(refused().contains("openssl rand -hex 32"), "{}", refused());
}
