//! PostgreSQL from the distribution's packages, started here and stopped when the test ends.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

pub struct Postgres {
    folder: TempDir,
    bin: PathBuf,
}

impl Postgres {
    pub fn start() -> Postgres {
        let versions = std::fs::read_dir("/usr/lib/postgresql").expect("install the package `postgresql`");
        let newest = versions.map(|entry| entry.unwrap().path()).max().expect("a version of PostgreSQL");
        let server = Postgres { folder: tempfile::tempdir().unwrap(), bin: newest.join("bin") };
        let path = server.folder.path();
        // PostgreSQL refuses to run as root, and tests run as root.
        assert!(Command::new("chown").arg("postgres").arg(path).status().unwrap().success());
        server.run("initdb", &["--no-sync", "--auth=trust", "-D", &text(&server.data())]);
        let options =
            format!("-c listen_addresses= -c unix_socket_directories={} -c fsync=off", path.display());
        server
            .run("pg_ctl", &["-w", "-D", &text(&server.data()), "-l", "/dev/null", "-o", &options, "start"]);
        server
    }

    /// The URL of a new and empty database.
    pub fn create(&self, name: &str) -> String {
        self.run("createdb", &["-h", &text(self.folder.path()), name]);
        format!("postgres://postgres@localhost/{name}?host={}", self.folder.path().display())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(self.bin.join(program)).args(arguments);
        let status = command.current_dir("/").stdout(Stdio::null()).stdin(Stdio::null()).status();
        assert!(status.is_ok_and(|status| status.success()), "{program} failed");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.run("pg_ctl", &["-D", &text(&self.data()), "-m", "immediate", "stop"]);
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
