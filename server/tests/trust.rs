//! Who gets what over HTTP: strangers by the site's policy, boot keys only where they belong, and nothing of
//! the agents' or the operators' interfaces without a certificate or a token.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use api::event::Event;
use api::id::{Mac, MachineId};
use api::plan::{Plan, PlannedDisk, PlannedImage};
use api::state::Home;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::MockConnectInfo;
use axum::http::{Method, Request, StatusCode};
use server::app::App;
use server::ca::{AgentName, Authority};
use server::config::Site;
use server::http::boot::hash;
use server::http::tls::Peer;
use server::http::{plain, secure};
use server::images::Images;
use server::seal::Seal;
use server::store::Store;
use server::store::lease::{Addresses, Wish};
use server::store::machine::Birth;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tower::ServiceExt;

const MAC: Mac = Mac([0x52, 0x54, 0, 0x77, 0, 1]);
const HIS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 100);
const NOT_HIS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 101);
const HOUR: i64 = 3_600_000_000;

const NETWORK: &str = r#"
[[network]]
name = "rack"
interface = "srv0"
address = "10.77.0.1/24"
pool = ["10.77.0.100-10.77.0.199"]
"#;

struct Bench {
    app: App,
    _folder: TempDir,
}

impl Bench {
    async fn new(unknown: &str) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        ram_image(&folder);
        let text = format!("name = \"test\"\nunknown = \"{unknown}\"\n{NETWORK}");
        let app = App {
            store: Store::open(&format!("sqlite://{}", folder.path().join("db").display())).await.unwrap(),
            site: Arc::new(Site::parse(&text).unwrap_or_else(|finding| panic!("{}", finding.message))),
            images: Images::load(&folder.path().join("images")),
            authority: Arc::new(Authority::open(folder.path(), "test").unwrap()),
            seal: Arc::new(Seal::open(folder.path()).unwrap()),
            clusters: server::cluster::Clusters::default(),
        };
        Bench { app, _folder: folder }
    }

    /// A plain GET from an address: status and body.
    async fn get(&self, path: &str, from: Ipv4Addr) -> (StatusCode, Vec<u8>) {
        let peer = MockConnectInfo(SocketAddr::from((from, 4000)));
        let request = Request::get(path).body(Body::empty()).unwrap();
        answer(plain(self.app.clone()).layer(peer), request).await
    }

    async fn script(&self) -> String {
        let (status, body) = self.get(&format!("/boot/{MAC}/boot.ipxe"), HIS).await;
        assert_eq!(status, StatusCode::OK);
        String::from_utf8(body).unwrap()
    }

    /// The machine's own address is leased to it.
    async fn lease(&self) {
        let now = server::clock::now();
        let pools = vec![(HIS, Ipv4Addr::new(10, 77, 0, 199))];
        let addresses = Addresses { network: "rack".into(), pools, reserved: vec![], excluded: vec![] };
        self.app.store.lease_site(vec![addresses]).await.unwrap();
        let wish = Wish { mac: MAC, network: "rack".into(), reserved: None, remembered: Some(HIS), now };
        let lease = self.app.store.lease_offer(wish).await.unwrap().unwrap();
        assert_eq!(lease.address, HIS);
        assert!(self.app.store.lease_commit(MAC, HIS, now + HOUR, now).await.unwrap());
    }

    async fn secure(&self, agent: Option<AgentName>, request: Request<Body>) -> (StatusCode, Vec<u8>) {
        let peer = Peer { address: SocketAddr::from((HIS, 4000)), agent };
        answer(secure(self.app.clone()).layer(axum::Extension(peer)), request).await
    }
}

fn ram_image(folder: &TempDir) {
    let ram = folder.path().join("images/ram");
    fs::create_dir_all(&ram).unwrap();
    let mut manifest =
        String::from("name = \"ram\"\nversion = \"1\"\nkind = \"ram\"\narch = \"x86_64\"\nkernel = \"6\"\n");
    for (name, role) in [("vmlinuz", "kernel"), ("initrd", "initrd")] {
        fs::write(ram.join(name), name).unwrap();
        let (size, sha256) = (name.len(), hex::encode(Sha256::digest(name)));
        manifest += &format!(
            "[[file]]\nname = \"{name}\"\nrole = \"{role}\"\nformat = \"raw\"\nsize = {size}\nsha256 = \"{sha256}\"\n"
        );
    }
    fs::write(ram.join("manifest.toml"), manifest).unwrap();
}

async fn answer(router: Router, request: Request<Body>) -> (StatusCode, Vec<u8>) {
    let response = router.oneshot(request).await.unwrap();
    let status = response.status();
    (status, to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec())
}

/// The key inside the archive.
fn key_in(archive: &[u8]) -> String {
    let text = String::from_utf8_lossy(archive);
    let at = text.find("etc/metal/boot-key\0").unwrap();
    text[at + 19..].trim_start_matches('\0').chars().take_while(char::is_ascii_hexdigit).take(64).collect()
}

#[tokio::test]
async fn strangers_get_what_the_site_says() {
    let ignore = Bench::new("ignore").await;
    assert!(ignore.script().await.contains("its own disk"));
    assert!(ignore.app.store.machine_by_mac(MAC).await.unwrap().is_none(), "no row of one that is ignored");

    let record = Bench::new("record").await;
    assert!(record.script().await.contains("its own disk"));
    let row = record.app.store.machine_by_mac(MAC).await.unwrap().unwrap();
    assert!(!row.enrolled && row.state == "discovered");

    let enroll = Bench::new("enroll").await;
    assert!(enroll.script().await.contains("loading the agent"));
    let (status, kernel) = enroll.get(&format!("/boot/{MAC}/vmlinuz"), HIS).await;
    assert_eq!((status, kernel.as_slice()), (StatusCode::OK, b"vmlinuz".as_slice()));
    let (status, _) = enroll.get(&format!("/boot/{MAC}/boot.ipxe"), Ipv4Addr::new(192, 0, 2, 1)).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "an address of no network of ours");
}

#[tokio::test]
async fn a_boot_key_goes_to_the_leased_address_and_each_one_kills_the_one_before() {
    let bench = Bench::new("enroll").await;
    bench.script().await;
    let path = format!("/boot/{MAC}/key");
    assert_eq!(bench.get(&path, HIS).await.0, StatusCode::FORBIDDEN, "nothing is leased yet");
    bench.lease().await;
    assert_eq!(bench.get(&path, NOT_HIS).await.0, StatusCode::FORBIDDEN, "another address");
    let (status, first) = bench.get(&path, HIS).await;
    assert_eq!(status, StatusCode::OK);
    let (_, second) = bench.get(&path, HIS).await;
    let (first, second) = (key_in(&first), key_in(&second));
    assert_eq!(first.len(), 64);
    let now = server::clock::now();
    let store = &bench.app.store;
    assert_eq!(store.boot_key_use(hash(&first), now).await.unwrap(), None, "the newer one killed it");
    assert!(store.boot_key_use(hash(&second), now).await.unwrap().is_some());
    assert_eq!(store.boot_key_use(hash(&second), now).await.unwrap(), None, "it works once");
    let (_, third) = bench.get(&path, HIS).await;
    let late = server::clock::now() + 11 * 60 * 1_000_000;
    assert_eq!(
        store.boot_key_use(hash(&key_in(&third)), late).await.unwrap(),
        None,
        "it dies after ten minutes"
    );
}

#[tokio::test]
async fn no_key_while_no_agent_is_wanted() {
    let bench = Bench::new("record").await;
    bench.script().await;
    bench.lease().await;
    assert_eq!(bench.get(&format!("/boot/{MAC}/key"), HIS).await.0, StatusCode::CONFLICT);
}

#[tokio::test]
async fn nothing_without_a_certificate_or_a_token() {
    let bench = Bench::new("enroll").await;
    let calls = [
        (Method::POST, "/agent/v1/hello"),
        (Method::PUT, "/agent/v1/facts"),
        (Method::GET, "/agent/v1/task"),
        (Method::POST, "/agent/v1/task/1/progress"),
        (Method::POST, "/agent/v1/task/1/outcome"),
        (Method::POST, "/agent/v1/certificate"),
        (Method::POST, "/agent/v1/log"),
        (Method::GET, "/api/v1/machines"),
        (Method::GET, "/api/v1/machines/x"),
        (Method::GET, "/api/v1/machines/x/erasure"),
        (Method::GET, "/api/v1/machines/x/logs"),
        (Method::GET, "/api/v1/machines/x/why"),
        (Method::POST, "/api/v1/machines/x/reprovision"),
        (Method::GET, "/api/v1/profiles"),
        (Method::GET, "/api/v1/images"),
        (Method::GET, "/api/v1/events"),
    ];
    for (method, path) in calls {
        let request = Request::builder().method(method.clone()).uri(path).body(Body::empty()).unwrap();
        let (status, _) = bench.secure(None, request).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}

#[tokio::test]
async fn an_agent_speaks_for_its_own_home_and_boot_only() {
    let bench = Bench::new("enroll").await;
    bench.script().await;
    let machine = bench.app.store.machine_by_mac(MAC).await.unwrap().unwrap().id();
    let name = AgentName { machine: machine.0.clone(), home: Home::Ram, generation: 0, boot_id: "b1".into() };
    let hello = |home: &str, boot: &str| {
        let body = format!(
            r#"{{"home":"{home}","boot_id":"{boot}","generation":7,"agent_version":"1","clock_error_ms":0}}"#
        );
        let request = Request::post("/agent/v1/hello").header("content-type", "application/json");
        request.body(Body::from(body)).unwrap()
    };
    assert_eq!(bench.secure(Some(name.clone()), hello("disk", "b1")).await.0, StatusCode::FORBIDDEN);
    assert_eq!(bench.secure(Some(name.clone()), hello("ram", "b2")).await.0, StatusCode::FORBIDDEN);
    assert_eq!(bench.secure(Some(name), hello("ram", "b1")).await.0, StatusCode::OK);
    let row = bench.app.store.machine(&machine).await.unwrap();
    assert_eq!(
        (row.state.as_str(), row.session_generation),
        ("inspecting", 0),
        "the certificate names the generation"
    );
}

#[tokio::test]
async fn an_install_that_lost_its_profile_fails_with_that_reason() {
    let bench = Bench::new("enroll").await;
    bench.script().await;
    let store = &bench.app.store;
    let machine = store.machine_by_mac(MAC).await.unwrap().unwrap().id();
    let gone = Birth { profile: Some("gone".into()), ..Birth::default() };
    store.machine_describe(&machine, gone).await.unwrap();
    let hello = Event::Hello { home: Home::Ram, boot_id: "b1".into(), generation: 0 };
    let verified = Event::LayoutVerified { generation: 1 };
    for event in [hello, Event::FactsReported, Event::Approved { erase_foreign: false }, verified] {
        store.submit(&machine, event, "test", 1).await.unwrap();
    }
    store.plan_freeze(plan(machine.clone()), 1).await.unwrap();
    let agent =
        AgentName { machine: machine.0.clone(), home: Home::Ram, generation: 0, boot_id: "b1".into() };
    let request = Request::get("/agent/v1/task?wait=0").body(Body::empty()).unwrap();
    assert_eq!(bench.secure(Some(agent), request).await.0, StatusCode::NO_CONTENT);
    let row = store.machine(&machine).await.unwrap();
    assert_eq!(row.state, "failed");
    assert!(row.reason.unwrap().contains("profile"));
}

fn plan(machine: MachineId) -> Plan {
    let image = PlannedImage {
        name: "os".into(),
        version: "1".into(),
        file: "root".into(),
        format: "ext4.zst".into(),
        size: 1,
        unpacked: 1,
        sha256: String::new(),
    };
    let disk = PlannedDisk {
        model: String::new(),
        serial: "S1".into(),
        wwn: String::new(),
        size: 1,
        sector_size: 512,
        fingerprint: String::new(),
        guid: String::new(),
        partitions: vec![],
    };
    Plan { machine, generation: 1, boot_id: "b1".into(), image, disk }
}
