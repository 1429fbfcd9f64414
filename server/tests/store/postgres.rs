//! One PostgreSQL for this test binary, of Debian's packages, on a socket in a folder of its own.
//! A shell that waits for the end of its input stops it, however the tests end.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);
static DATABASES: AtomicU32 = AtomicU32::new(0);

struct Server {
    folder: PathBuf,
    /// Its input is open as long as this process lives.
    _shell: Child,
}

/// A new and empty database.
pub async fn database() -> String {
    let name = format!("test{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let mut connection = SERVER.connect().await;
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
    SERVER.url(&name)
}

impl Server {
    fn start() -> Server {
        let folder = crate::database::folder().keep();
        let programs = programs();
        // PostgreSQL refuses to run as root.
        let (run, owner) = match rustix::process::geteuid().is_root() {
            true => ("setpriv --reuid=postgres --regid=postgres --init-groups", "chown postgres"),
            false => ("", "test -d"),
        };
        let script = format!(
            "cd {folder} && {owner} {folder} && \
             {run} {programs}/initdb -D data -U postgres -A trust -E UTF8 --locale=C -N >log 2>&1 && \
             {{ {run} {programs}/postgres -D data -k {folder} -c listen_addresses= -c fsync=off >>log 2>&1 & }}; \
             read -r _; kill -INT $!; wait; rm -rf {folder}",
            folder = folder.display(),
            programs = programs.display(),
        );
        let shell = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C ends the tests; the shell then sees the end of its input.
            .process_group(0)
            .spawn()
            .unwrap();
        Server { folder, _shell: shell }
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.display())
    }

    async fn connect(&self) -> PgConnection {
        for _ in 0..600 {
            if let Ok(connection) = PgConnection::connect(&self.url("postgres")).await {
                return connection;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let _ = writeln!(std::io::stderr(), "{log}");
        panic!("PostgreSQL did not come up in 30 s; its log is above");
    }
}

fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin")).filter(|bin| is_there(bin)).max();
    found.expect("no /usr/lib/postgresql/*/bin/initdb: apt-get install postgresql")
}

fn is_there(bin: &Path) -> bool {
    bin.join("initdb").exists()
}
