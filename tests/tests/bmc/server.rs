//! A server without a network: its store, its policy and its real drivers, with BMCs of the rack on loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use api::id::{Mac, MachineId};
use server::app::App;
use server::bmc::access::seal_place;
use server::bmc::bmcs::Bmcs;
use server::ca::Authority;
use server::cluster::Clusters;
use server::config::Site;
use server::images::Images;
use server::seal::Seal;
use server::store::Store;
use server::store::bmc::BmcRow;
use server::store::machine::Birth;
use tempfile::TempDir;

pub struct Server {
    pub app: App,
    _folder: TempDir,
}

/// Where a BMC is, and who may ask it.
pub struct At<'a> {
    pub driver: &'a str,
    pub address: SocketAddr,
    pub user: &'a str,
    pub password: &'a str,
}

impl Server {
    pub async fn new() -> Server {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let path = folder.path();
        let app = App {
            store: Store::open(&format!("sqlite://{}", path.join("db").display())).await.unwrap(),
            site: Arc::new(Site::parse("name = \"test\"").unwrap()),
            images: Images::load(&path.join("images")),
            authority: Arc::new(Authority::open(path, "test").unwrap()),
            seal: Arc::new(Seal::open(path).unwrap()),
            clusters: Clusters::default(),
            bmcs: Bmcs::default(),
        };
        Server { app, _folder: folder }
    }

    /// An enrolled machine with its BMC.
    pub async fn machine(&self, number: u16, at: At<'_>) -> MachineId {
        let id = MachineId(format!("m{number:04}"));
        let [high, low] = number.to_be_bytes();
        let birth = Birth {
            macs: vec![Mac([0x52, 0x54, 0, 0x77, high, low])],
            hostname: Some(format!("node{number:04}").parse().unwrap()),
            enrolled: true,
            ..Birth::default()
        };
        self.app.store.machine_born(birth, id.clone(), 1).await.unwrap();
        let row = BmcRow {
            machine: id.0.clone(),
            driver: at.driver.into(),
            address: at.address.ip().to_string(),
            port: Some(at.address.port().into()),
            credentials: None,
            username: at.user.into(),
            password: Some(self.app.seal.seal(&seal_place(&id.0), at.password.as_bytes())),
            certificate: None,
            origin: "operator".into(),
            bmc_key: None,
            secure_on: None,
        };
        self.app.store.bmc_put(row).await.unwrap();
        id
    }
}
