//! A backup taken from a server that runs becomes another one's state: everything is there, secrets open, and
//! nothing that was about to be erased then is erased now.

mod postgres;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use api::event::Event;
use api::id::{Hostname, Mac, MachineId};
use api::state::{Home, State};
use server::backup::backup;
use server::backup::restore::restore;
use server::ca::Authority;
use server::seal::Seal;
use server::store::Store;
use server::store::machine::Birth;
use tempfile::TempDir;

/// A server's folder: `site.toml`, and the state that it names.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new(site: &str, server: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let text = format!("name = \"{site}\"\n[server]\nstate = \"{}\"\n{server}\n", state.display());
        fs::write(folder.path().join("site.toml"), text).unwrap();
        Place { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.path("state/metald.db").display())
    }

    /// What `metald run` makes at its first start, and some more.
    fn first_start(&self) {
        let state = self.path("state");
        fs::create_dir_all(state.join("snapshots/prod")).unwrap();
        fs::create_dir_all(state.join("images/ram")).unwrap();
        Authority::open(&state, "lab").unwrap();
        Seal::open(&state).unwrap();
        fs::write(state.join("snapshots/prod/1.db"), "etcd").unwrap();
        fs::write(state.join("snapshots/prod/.2.db.part"), "half").unwrap();
        fs::write(state.join("images/ram/vmlinuz"), "big").unwrap();
    }

    async fn backup(&self, file: &Path) -> anyhow::Result<String> {
        backup(file, &self.path("site.toml"), None).await
    }

    async fn restore(&self, file: &Path) -> anyhow::Result<String> {
        restore(file, &self.path("site.toml"), None).await
    }
}

/// `serving` is active, `allowed` was approved and is being partitioned, `asked` is to be installed anew.
async fn machines(store: &Store) {
    let hello = |home, generation| Event::Hello { home, boot_id: "b".into(), generation };
    let approved = Event::Approved { erase_foreign: false };
    let begun = [
        Event::Assigned { clustered: false },
        hello(Home::Ram, 0),
        Event::FactsReported,
        approved,
        Event::LayoutVerified { generation: 1 },
        Event::Installed { generation: 1 },
        hello(Home::Disk, 1),
        Event::Reprovision { erase_foreign: false },
    ];
    for (last, (name, steps)) in [("serving", 7), ("allowed", 4), ("asked", 8)].into_iter().enumerate() {
        let birth = Birth {
            macs: vec![Mac([2, 0, 0, 0, 0, u8::try_from(last).unwrap()])],
            hostname: Some(Hostname::try_from(name.to_string()).unwrap()),
            profile: Some("standard".into()),
            enrolled: true,
            ..Birth::default()
        };
        let id = store.machine_born(birth, MachineId(name.into()), 1).await.unwrap().id();
        for event in begun.iter().take(steps) {
            store.submit(&id, event.clone(), "test", 2).await.unwrap();
        }
    }
}

async fn held(store: &Store) -> Vec<(String, State, bool)> {
    let rows = store.machines("", 10).await.unwrap();
    rows.iter().map(|row| (row.id.clone(), row.life().unwrap().state, row.hold)).collect()
}

fn expected() -> Vec<(String, State, bool)> {
    vec![
        ("allowed".into(), State::Partitioning, true),
        ("asked".into(), State::Inspecting, true),
        ("serving".into(), State::Active, false),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_servers_backup_is_restored_elsewhere() {
    let (old, new) = (Place::new("lab", ""), Place::new("lab", ""));
    old.first_start();
    let store = Store::open(&old.url()).await.unwrap();
    machines(&store).await;
    let sealed = Seal::open(&old.path("state")).unwrap().seal("cluster.access/prod", b"secret");
    let file = old.path("backup.tar");
    // Somebody writes all the while.
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for at in 0.. {
                store.remark(&MachineId("serving".into()), "noise", String::new(), at).await.unwrap();
            }
        }
    });
    let said = old.backup(&file).await.unwrap();
    writer.abort();
    assert!(said.contains("7 files"), "{said}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    assert!(old.path("state/.backup").exists(), "monitoring wants to know");

    // As an installed service has it: an account of its own, where root restores.
    fs::create_dir(new.path("state")).unwrap();
    let owner = fs::metadata(new.path("state")).unwrap().uid() + 4711;
    let root = rustix::process::geteuid().is_root();
    if root {
        chown(new.path("state"), Some(owner), Some(owner)).unwrap();
    }
    let said = new.restore(&file).await.unwrap();
    assert!(said.contains("3 machines") && said.contains("allowed, asked."), "{said}");
    assert!(said.contains("revoked since then are valid again"), "{said}");
    let state = new.path("state");
    for name in ["ca.pem", "ca.key", "secret.key", "snapshots/prod/1.db"] {
        let path = state.join(name);
        assert_eq!(fs::read(&path).unwrap(), fs::read(old.path("state").join(name)).unwrap(), "{name}");
        let restored = fs::metadata(&path).unwrap();
        assert_eq!(restored.permissions().mode() & 0o777, 0o600, "{name}");
        assert!(!root || restored.uid() == owner, "{name} is of uid {}", restored.uid());
    }
    assert_eq!(fs::metadata(state.join("metald.db")).unwrap().permissions().mode() & 0o777, 0o600);
    let mut names: Vec<_> = fs::read_dir(&state).unwrap().flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    assert_eq!(
        names,
        ["ca.key", "ca.pem", "metald.db", "secret.fingerprint", "secret.key", "snapshots"],
        "nothing half-written stays"
    );
    assert_eq!(Seal::open(&state).unwrap().unseal("cluster.access/prod", &sealed).unwrap(), b"secret");
    let store = Store::open(&new.url()).await.unwrap();
    assert_eq!(held(&store).await, expected());
    let history = store.history(&MachineId("allowed".into()), 2).await.unwrap();
    assert_eq!((history[0].event.as_str(), history[1].who.as_str()), ("restored", "restore"));
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_backup_nor_a_live_state_is_overwritten() {
    let (old, new) = (Place::new("lab", ""), Place::new("lab", ""));
    let file = old.path("backup.tar");
    assert!(old.backup(&file).await.unwrap_err().to_string().contains("no server's state"));
    old.first_start();
    machines(&Store::open(&old.url()).await.unwrap()).await;
    old.backup(&file).await.unwrap();
    let written = fs::read(&file).unwrap();
    assert!(old.backup(&file).await.unwrap_err().to_string().contains("there already"));
    assert_eq!(fs::read(&file).unwrap(), written);

    let error = old.restore(&file).await.unwrap_err().to_string();
    assert!(error.contains("metald.db is there already") && error.contains("stop metald"), "{error}");
    // A server that was started beforehand has made its own authority.
    fs::create_dir(new.path("state")).unwrap();
    Authority::open(&new.path("state"), "lab").unwrap();
    let error = new.restore(&file).await.unwrap_err().to_string();
    assert!(error.contains("ca.key is there already"), "{error}");
    assert!(!new.path("state/metald.db").exists() && !new.path("state/secret.key").exists());

    let other = Place::new("another", "").restore(&file).await.unwrap_err().to_string();
    assert!(other.contains("site `lab`") && other.contains("`another`"), "{other}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restoration_that_was_cut_short_is_made_again() {
    let (old, new) = (Place::new("lab", ""), Place::new("lab", ""));
    old.first_start();
    machines(&Store::open(&old.url()).await.unwrap()).await;
    let file = old.path("backup.tar");
    old.backup(&file).await.unwrap();
    new.restore(&file).await.unwrap();
    // The database comes last.
    fs::remove_file(new.path("state/metald.db")).unwrap();
    fs::write(new.path("state/metald.db.partial"), "half").unwrap();
    new.restore(&file).await.unwrap();
    assert_eq!(held(&Store::open(&new.url()).await.unwrap()).await, expected());
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_postgresql_the_files_are_kept_and_the_restored_dump_is_held() {
    let postgres = postgres::Postgres::start();
    let url = postgres.create("metald");
    let store = Store::open(&url).await.unwrap();
    machines(&store).await;
    let server = format!("database = \"{url}\"");
    let (old, new) = (Place::new("lab", &server), Place::new("lab", &server));
    old.first_start();
    let file = old.path("backup.tar");
    let said = old.backup(&file).await.unwrap();
    assert!(said.contains("PostgreSQL and NOT in it") && said.contains("pg_dump"), "{said}");
    let error = Place::new("lab", "").restore(&file).await.unwrap_err().to_string();
    assert!(error.contains("holds no database"), "{error}");
    let said = new.restore(&file).await.unwrap();
    assert!(said.contains("your dump") && said.contains("allowed, asked."), "{said}");
    assert_eq!(held(&store).await, expected());
    assert!(new.path("state/ca.key").exists() && !new.path("state/metald.db").exists());
}
