//! A copy of SQLite's database while others write: all of one moment, in one file.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use super::{Error, Result};

/// Where SQLite's file is; None for PostgreSQL.
pub fn sqlite_path(url: &str) -> Option<&Path> {
    url.strip_prefix("sqlite://").map(Path::new)
}

/// Copies a database, whatever version of us its tables are of. The copy is for its owner alone.
pub async fn copy_sqlite(from: &Path, to: &Path) -> Result<()> {
    let options = SqliteConnectOptions::new()
        .filename(from)
        .create_if_missing(false)
        .busy_timeout(std::time::Duration::from_secs(10));
    let file = |source| Error::File { path: to.display().to_string(), source };
    // SQLite would give it the mode that the umask leaves; it takes an empty file that is there.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(file)?;
    let mut connection: SqliteConnection = options.connect().await?;
    sqlx::query("VACUUM INTO $1").bind(to.display().to_string()).execute(&mut connection).await?;
    connection.close().await?;
    File::open(to).and_then(|copy| copy.sync_all()).map_err(file)
}
