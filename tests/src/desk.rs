//! A server at an operator's desk: its real HTTPS side on loopback with SQLite, without a rack behind it.
//! What agents and the wire would report, a test says itself.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use api::client::Client;
use api::cluster::{Node, Role};
use api::event::Event;
use api::facts::Facts;
use api::id::MachineId;
use api::machine::{MachineDetail, Position};
use api::state::Home;
use api::user;
use server::app::App;
use server::ca::Authority;
use server::config::Site;
use server::http::{boot, secure, tls};
use server::images::Images;
use server::seal::Seal;
use server::store::machine::Birth;
use server::store::{NewToken, Store};
use tempfile::TempDir;

pub struct Desk {
    pub store: Store,
    pub address: SocketAddr,
    /// State folder, images and the operator's token; gone with the desk.
    pub folder: TempDir,
}

const SITE: &str = r#"name = "lab"

[[network]]
name = "rack"
interface = "lo"
address = "10.77.0.1/24"
pool = ["10.77.0.100-10.77.0.199"]

[layout.plain]
root = { size = "4G", grow = true }

[profile.worker]
image = "debian-12"
layout = "plain"
hostname = "node{:02}"
approve = "person"
authorized_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Fz1T6dVqZ0yq3Vq8kq0o7mC2yqk0n3mJwq7p6Zc1d ops"]
disk = { min_size = "8G", kind = "ssd" }

[profile.spare]
image = "debian-12"
layout = "plain"
hostname = "spare{:02}"

[cluster.prod]
kubernetes = "1.36"
endpoint = "10.77.0.10:8443"
"#;

const MANIFEST: &str = r#"name = "debian-12"
version = "12"
kind = "os"
arch = "x86_64"

[[file]]
name = "root.ext4.zst"
role = "root"
format = "ext4.zst"
size = 0
unpacked = 3400000000
sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

[boot]
efi = [["usr/lib/grub/grubx64.efi", "EFI/BOOT/BOOTX64.EFI"]]
efi_config = "EFI/debian/grub.cfg"
bios = "usr/sbin/grub-install"
kernel_path = "/vmlinuz"
initrd_path = "/initrd.img"
"#;

const TOKEN: &str = "a-token-of-the-test";

impl Desk {
    pub async fn open() -> Result<Desk> {
        let folder = tempfile::tempdir()?;
        let image = folder.path().join("images/debian-12");
        fs::create_dir_all(&image)?;
        fs::write(image.join("manifest.toml"), MANIFEST)?;
        fs::write(image.join("root.ext4.zst"), "")?;
        let site = folder.path().join("site.toml");
        fs::write(&site, SITE)?;
        fs::write(folder.path().join("operator.token"), format!("{TOKEN}\n"))?;
        let store = Store::open(&format!("sqlite://{}", folder.path().join("metald.db").display())).await?;
        store.cluster_declare(vec!["prod".into()], server::clock::now()).await?;
        let (hash, name) = (boot::hash(TOKEN), "operator".into());
        store
            .token_add(NewToken { hash, name, role: user::Role::Admin, kind: "token", expires: None }, 0)
            .await?;
        let app = App {
            store: store.clone(),
            site: Arc::new(Site::read(&site).map_err(|finding| anyhow::anyhow!(finding.message))?),
            images: Images::load(&folder.path().join("images")),
            authority: Arc::new(Authority::open(folder.path(), "lab")?),
            seal: Arc::new(Seal::open(folder.path())?),
            clusters: server::cluster::Clusters::default(),
            bmcs: server::bmc::bmcs::Bmcs::default(),
        };
        let here = IpAddr::from(Ipv4Addr::LOCALHOST);
        let (certificate, key) =
            app.authority.server_certificate(&[here], &[], server::clock::now() / 1_000_000)?;
        let acceptor = tls::acceptor(&app.authority.pem, &certificate, &key)?;
        let listener = tokio::net::TcpListener::bind((here, 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(tls::serve(listener, acceptor, secure(app)));
        Ok(Desk { store, address, folder })
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    pub fn client(&self) -> Result<Client> {
        let ca = fs::read_to_string(self.folder.path().join("ca.pem"))?;
        Ok(Client::new(&self.url(""), &ca, None)?.with_token(TOKEN))
    }

    pub fn token(&self) -> &'static str {
        TOKEN
    }

    /// A machine asks to boot for the first time.
    pub async fn born(&self, name: &str, unit: u32) -> Result<MachineId> {
        let birth = Birth {
            macs: vec![format!("52:54:00:a1:00:{unit:02x}").parse()?],
            hostname: Some(name.parse()?),
            position: Some(Position { rack: "A".into(), unit }),
            profile: Some("worker".into()),
            enrolled: true,
            evidence: "first seen as uefi-pxe".into(),
            ..Birth::default()
        };
        let id = MachineId(format!("019a0f3c-7b1e-7c40-9d2a-{unit:012}"));
        self.store.machine_born(birth, id.clone(), server::clock::now()).await?;
        Ok(id)
    }

    /// Its agent comes up in RAM.
    pub async fn hello(&self, machine: &MachineId) -> Result<()> {
        let facts = sample_facts()?;
        self.happens(machine, Event::Hello { home: Home::Ram, boot_id: facts.boot_id, generation: 0 }).await
    }

    /// Its agent reports what it found.
    pub async fn inspected(&self, machine: &MachineId) -> Result<()> {
        self.store.facts_put(machine, &sample_facts()?, server::clock::now()).await?;
        self.happens(machine, Event::FactsReported).await
    }

    /// A token of somebody with this role.
    pub async fn token_of(&self, role: user::Role) -> Result<String> {
        let token = format!("the-token-of-{role}");
        let (hash, name) = (boot::hash(&token), role.to_string());
        self.store.token_add(NewToken { hash, name, role, kind: "token", expires: None }, 0).await?;
        Ok(token)
    }

    /// Its agent finds another SSD in the place of the one that the sample has.
    pub async fn inspected_with(&self, machine: &MachineId, serial: &str) -> Result<()> {
        let mut facts = sample_facts()?;
        for disk in facts.disks.iter_mut().filter(|disk| !disk.rotational) {
            (disk.serial, disk.wwn) = (serial.into(), String::new());
        }
        self.store.facts_put(machine, &facts, server::clock::now()).await?;
        self.happens(machine, Event::FactsReported).await
    }

    /// Its generation is on its own disk.
    pub async fn installed(&self, machine: &MachineId, generation: i64) -> Result<()> {
        self.happens(machine, Event::LayoutVerified { generation }).await?;
        self.happens(machine, Event::Installed { generation }).await?;
        let boot_id = format!("own-{generation}");
        self.happens(machine, Event::Hello { home: Home::Disk, boot_id, generation }).await
    }

    /// It is a node of the cluster `prod`, as the API server shows it.
    pub async fn joined(&self, machine: &MachineId, name: &str, ready: bool, reason: &str) -> Result<()> {
        let (name, now) = (name.parse()?, server::clock::now());
        self.store.node_begin(machine, "prod", Role::Worker, 1, &name, now).await?;
        let node = Node {
            machine: machine.clone(),
            name,
            cluster: "prod".into(),
            role: Role::Worker,
            uid: "6f1c2d3e".into(),
            ready,
            reason: reason.into(),
            since: now,
            cordoned: false,
            version: "v1.36.3".into(),
            address: "10.77.0.107".into(),
            certificates: Vec::new(),
            leaving: None,
        };
        self.store.node_seen(machine, &node).await?;
        Ok(())
    }

    pub async fn happens(&self, machine: &MachineId, event: Event) -> Result<()> {
        self.store.submit(machine, event, "agent", server::clock::now()).await?;
        Ok(())
    }
}

/// The hardware that the pages' own tests show, too; but nothing of ours is on its disks yet.
fn sample_facts() -> Result<Facts> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/tests/data/node07.json");
    let detail: MachineDetail = serde_json::from_str(&fs::read_to_string(path)?)?;
    let mut facts = detail.facts.context("the sample has facts")?;
    facts.disks.iter_mut().for_each(|disk| disk.content.identity = None);
    Ok(facts)
}
