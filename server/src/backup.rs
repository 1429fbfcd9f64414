//! `metald backup`: all that the server keeps in one file, while it serves. The state folder with the
//! authority, its keys and the etcd snapshots goes in as it is; SQLite gives a consistent copy of itself.
//! PostgreSQL has its own tools for that.

pub mod archive;
pub mod restore;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use self::archive::{About, DATABASE, SITE, STATE, Writer};
use crate::ca::CA_PEM;
use crate::config::Site;
use crate::seal::SECRET_KEY;
use crate::{clock, store};

/// A file of the state folder that is as old as the newest backup, for monitoring.
pub const STAMP: &str = ".backup";

/// Writes the file, and says in words what is in it.
pub async fn backup(file: &Path, config: &Path, database: Option<String>) -> Result<String> {
    if file.exists() {
        bail!("{} is there already: name another file, for a backup never replaces one", file.display());
    }
    let site = read_site(config)?;
    let state = &site.server.state;
    if !state.join(CA_PEM).exists() {
        bail!("{} holds no server's state: has `metald run` ever run with this site file?", state.display());
    }
    let url = database.unwrap_or_else(|| site.server.database.clone());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let here = || format!("cannot write into {}", folder.display());
    let scratch = tempfile::Builder::new().prefix(".metald-backup").tempdir_in(folder).with_context(here)?;
    let mut out = Writer::new(tempfile::NamedTempFile::new_in(folder).with_context(here)?);
    let sqlite = store::sqlite_path(&url);
    if let Some(path) = sqlite {
        let copy = scratch.path().join(DATABASE);
        store::copy_sqlite(path, &copy).await?;
        out.add(DATABASE, open(&copy)?)?;
    }
    out.add(SITE, open(config)?)?;
    for path in files_of(state, &site.server.images, sqlite)? {
        let name = path.strip_prefix(state).context("a file of the state folder")?;
        // One that was superseded in the meantime, such as an old etcd snapshot, is no loss.
        if let Some(file) = still_there(&path)? {
            out.add(&format!("{STATE}/{}", name.display()), file)?;
        }
    }
    let about = About { site: site.name, taken: clock::now(), sqlite: sqlite.is_some() };
    let (out, files) = out.finish(about)?;
    out.as_file().sync_all()?;
    out.persist_noclobber(file).with_context(|| format!("cannot write {}", file.display()))?;
    File::open(folder)?.sync_all()?;
    fs::write(state.join(STAMP), "").with_context(|| format!("cannot write into {}", state.display()))?;
    Ok(said(file, files, (sqlite.is_some(), state.join(SECRET_KEY).exists())))
}

fn said(file: &Path, files: usize, (sqlite, key): (bool, bool)) -> String {
    let database = match sqlite {
        true => "",
        false => {
            "\nThe database is PostgreSQL and NOT in it: take `pg_dump --format=custom` of it now, after this file, \
             and keep the two together."
        }
    };
    let key = match key {
        true => "",
        false => {
            "\nThe key of the secrets in the database is a credential and NOT in it: keep a copy of that apart, for \
             without it they are lost."
        }
    };
    format!(
        "Wrote {}: {files} files.\nIt holds the site's authority and its keys. Keep it where only you read it.{key}{database}",
        file.display()
    )
}

/// The site file as far as it can be read: a warning of `metald check` must not keep anyone from a backup.
fn read_site(config: &Path) -> Result<Site> {
    Site::read(config).map_err(|finding| anyhow::anyhow!("{}", finding.at(config)))
}

fn open(path: &Path) -> Result<File> {
    File::open(path).with_context(|| format!("cannot read {}", path.display()))
}

fn still_there(path: &Path) -> Result<Option<File>> {
    match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        other => Ok(Some(other.with_context(|| format!("cannot read {}", path.display()))?)),
    }
}

/// All files below the state folder but the images, the database, and what is only half written.
fn files_of(state: &Path, images: &Path, database: Option<&Path>) -> Result<Vec<PathBuf>> {
    let of_database = |path: &Path| {
        let named = database.map(|database| database.to_string_lossy().into_owned());
        named.is_some_and(|named| path.to_string_lossy().starts_with(&named))
    };
    let (mut files, mut folders) = (Vec::new(), vec![state.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        let read = || format!("cannot read {}", folder.display());
        for entry in fs::read_dir(&folder).with_context(read)? {
            let entry = entry.with_context(read)?;
            let (path, kind) = (entry.path(), entry.file_type().with_context(read)?);
            let name = entry.file_name().to_string_lossy().into_owned();
            let partial = name.starts_with('.') || name.ends_with(".partial");
            if kind.is_dir() && path != *images && !partial {
                folders.push(path);
            } else if kind.is_file() && !partial && !of_database(&path) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
