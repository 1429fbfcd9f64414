//! A server without sockets: its two routers, a site with a cluster, people with tokens, and a machine.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use api::id::{Mac, MachineId};
use api::state::State;
use api::user::Role;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::MockConnectInfo;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use server::app::App;
use server::ca::AgentName;
use server::config::Site;
use server::http::boot::hash;
use server::http::tls::Peer;
use server::http::{plain, secure};
use server::store::lease::{Addresses, Wish};
use server::store::{NewToken, Side};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::metald;

pub const MAC: Mac = Mac([0x52, 0x54, 0, 0x77, 0, 1]);
pub const HIS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 100);
pub const NOT_HIS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 101);
pub const HOUR: i64 = 3_600_000_000;

const NETWORK: &str = r#"
[[network]]
name = "rack"
interface = "srv0"
address = "10.77.0.1/24"
pool = ["10.77.0.100-10.77.0.199"]
"#;

pub struct Bench {
    pub app: App,
    pub folder: TempDir,
}

impl Bench {
    pub async fn new(unknown: &str) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        ram_image(&folder);
        let text = format!("name = \"test\"\nunknown = \"{unknown}\"\n{NETWORK}");
        let app = metald::app(&folder, Site::parse(&text).unwrap()).await;
        Bench { app, folder }
    }

    /// A plain GET from an address: status and body.
    pub async fn get(&self, path: &str, from: Ipv4Addr) -> (StatusCode, Vec<u8>) {
        let peer = MockConnectInfo(SocketAddr::from((from, 4000)));
        let request = Request::get(path).body(Body::empty()).unwrap();
        answer(plain(self.app.clone()).layer(peer), request).await
    }

    pub async fn script(&self) -> String {
        let (status, body) = self.get(&format!("/boot/{MAC}/boot.ipxe"), HIS).await;
        assert_eq!(status, StatusCode::OK);
        String::from_utf8(body).unwrap()
    }

    /// The machine's own address is leased to it.
    pub async fn lease(&self) {
        let now = server::clock::now();
        let pools = vec![(HIS, Ipv4Addr::new(10, 77, 0, 199))];
        let addresses = Addresses { network: "rack".into(), pools, reserved: vec![], excluded: vec![] };
        self.app.store.lease_site(vec![addresses]).await.unwrap();
        let wish = Wish { mac: MAC, network: "rack".into(), reserved: None, remembered: Some(HIS), now };
        let lease = self.app.store.lease_offer(wish).await.unwrap().unwrap();
        assert_eq!(lease.address, HIS);
        assert!(self.app.store.lease_commit(MAC, HIS, now + HOUR, now).await.unwrap());
    }

    /// A token of somebody with this role.
    pub async fn token(&self, role: Role) -> String {
        let token = format!("the-token-of-{role}");
        let name = role.to_string();
        let row = NewToken { hash: hash(&token), name, role, kind: "token", expires: None };
        self.app.store.token_add(row, 1).await.unwrap();
        token
    }

    /// The cookie of somebody with this role, and what their forms carry.
    pub async fn session(&self, role: Role) -> (String, String) {
        let secret = format!("the-session-of-{role}");
        let name = role.to_string();
        let row = NewToken { hash: hash(&secret), name, role, kind: "session", expires: None };
        self.app.store.token_add(row, 1).await.unwrap();
        (format!("__Host-metald={secret}"), hash(&format!("form {secret}")))
    }

    /// A machine that has asked to boot.
    pub async fn machine(&self) -> MachineId {
        self.script().await;
        self.app.store.machine_by_mac(MAC).await.unwrap().unwrap().id()
    }

    /// Puts the machine into a state, as no event would.
    pub async fn put(&self, machine: &MachineId, state: State, generation: i64) {
        let sql = "UPDATE machine SET state = $2, generation = $3, installed = $3, profile = 'worker', \
                   since = 9000000000000000, version = version + 1 WHERE id = $1";
        let Side::Sqlite(pool) = self.app.store.read() else { panic!("this is SQLite") };
        let query = sqlx::query(sql).bind(&machine.0).bind(state.as_str()).bind(generation);
        assert_eq!(query.execute(pool).await.unwrap().rows_affected(), 1);
    }

    /// The head of an answer over HTTPS; a stream of events has no end that one could wait for.
    pub async fn head(&self, request: Request<Body>) -> Response {
        let peer = Peer { address: SocketAddr::from((HIS, 4000)), agent: None };
        secure(self.app.clone()).layer(axum::Extension(peer)).oneshot(request).await.unwrap()
    }

    pub async fn secure(&self, agent: Option<AgentName>, request: Request<Body>) -> (StatusCode, Vec<u8>) {
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

pub async fn answer(router: Router, request: Request<Body>) -> (StatusCode, Vec<u8>) {
    let response = router.oneshot(request).await.unwrap();
    let status = response.status();
    (status, to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec())
}

/// The key inside the archive.
pub fn key_in(archive: &[u8]) -> String {
    let text = String::from_utf8_lossy(archive);
    let at = text.find("etc/metal/boot-key\0").unwrap();
    text[at + 19..].trim_start_matches('\0').chars().take_while(char::is_ascii_hexdigit).take(64).collect()
}
