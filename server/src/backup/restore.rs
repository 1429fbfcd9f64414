//! `metald restore`: a backup becomes the state of a server that is not there yet. A restored database is
//! older than the floor: what it was about to erase may be serving by now, so that is put on hold.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use api::event::Event;
use api::state::{Errand, Life, State};

use super::archive::{About, DATABASE, STATE, same, unpack};
use super::{files_of, read_site};
use crate::ca::private_folder;
use crate::clock;
use crate::store::{self, Store};

/// Puts the state back, and says in words what came of it.
pub async fn restore(file: &Path, config: &Path, database: Option<String>) -> Result<String> {
    let site = read_site(config)
        .with_context(|| format!("the backup holds the site file: tar -xf {} site.toml", file.display()))?;
    let state = &site.server.state;
    private_folder(state)?;
    let staging = tempfile::Builder::new().prefix(".restore").tempdir_in(state)?;
    let about = unpack(file, staging.path())?;
    ensure!(
        about.site == site.name,
        "{} is of the site `{}`, and {} is of `{}`: nothing was restored",
        file.display(),
        about.site,
        config.display(),
        site.name
    );
    let url = database.unwrap_or_else(|| site.server.database.clone());
    let moves = moves(staging.path(), state)?;
    let held = match store::sqlite_path(&url) {
        Some(path) if about.sqlite => restore_sqlite(staging.path(), path, &about).await?,
        Some(path) => bail!(
            "the backup was taken beside PostgreSQL and holds no database, and {} is to be SQLite: restore your \
             dump into PostgreSQL, and name that database in the site file",
            path.display()
        ),
        None if about.sqlite => {
            bail!(
                "the backup holds an SQLite database, and the site file names PostgreSQL: change `server.database`"
            )
        }
        None => hold_doubtful(&Store::open(&url).await?, about.taken).await?,
    };
    for (from, to) in moves {
        place(&from, &to, state)?;
    }
    if let Some(path) = held.copied {
        place(&partial(&path), &path, state)?;
    }
    Ok(said(&about, held.machines, &held.names))
}

/// Moves a file to where it belongs. It and its folder below the state folder are owned as that is: a service may
/// have an account of its own.
fn place(from: &Path, to: &Path, state: &Path) -> Result<()> {
    let owner = fs::metadata(state)?;
    let folder = to.parent().unwrap_or(state);
    let moved = || {
        fs::rename(from, to)?;
        if folder.starts_with(state) {
            chown(folder, Some(owner.uid()), Some(owner.gid()))?;
        }
        chown(to, Some(owner.uid()), Some(owner.gid()))
    };
    private_folder(folder)?;
    moved().with_context(|| format!("cannot write {}", to.display()))
}

/// What the database was told after its restoration.
struct Held {
    machines: usize,
    names: Vec<String>,
    /// Where SQLite's file is to be once all else is in its place.
    copied: Option<PathBuf>,
}

fn said(about: &About, machines: usize, held: &[String]) -> String {
    let taken = jiff::Timestamp::from_microsecond(about.taken).unwrap_or_default();
    let mut said = format!("Restored the site `{}` as of {taken:.0}: {machines} machines.", about.site);
    if !about.sqlite {
        said += "\nThe database is the one that PostgreSQL holds: your dump had to be restored there before.";
    }
    if !held.is_empty() {
        said += &format!(
            "\nOn hold, because they were about to be erased then and may have moved on: {}.\nLook at each, then \
             `metalctl machine release NAME` lets it go on.",
            held.join(", ")
        );
    }
    said + "\nTokens that were revoked since then are valid again: `metalctl user list` shows them all."
}

/// From where to where each file goes. What a live server has written there is never overwritten.
fn moves(staging: &Path, state: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let from = staging.join(STATE);
    let mut moves = Vec::new();
    for file in files_of(&from, Path::new(""), None)? {
        let to = state.join(file.strip_prefix(&from)?);
        // The same file again is what a restoration leaves that was cut short.
        let free = !to.exists() || same(&file, &to)?;
        ensure!(free, in_the_way(&to));
        moves.push((file, to));
    }
    Ok(moves)
}

fn in_the_way(path: &Path) -> String {
    format!(
        "{} is there already, and a live state is never overwritten: stop metald, move the old state away, and \
         restore again",
        path.display()
    )
}

async fn restore_sqlite(staging: &Path, path: &Path, about: &About) -> Result<Held> {
    let beside = |ending: &str| PathBuf::from(format!("{}{ending}", path.display()));
    for there in [path.to_path_buf(), beside("-wal"), beside("-shm")] {
        ensure!(!there.exists(), in_the_way(&there));
    }
    private_folder(path.parent().unwrap_or(path))?;
    let copy = staging.join(DATABASE);
    let store = Store::open(&format!("sqlite://{}", copy.display())).await?;
    let held = hold_doubtful(&store, about.taken).await?;
    // A copy again: one file, whole, without a log beside it.
    let _ = fs::remove_file(partial(path));
    store::copy_sqlite(&copy, &partial(path)).await?;
    Ok(Held { copied: Some(path.to_path_buf()), ..held })
}

fn partial(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.partial", path.display()))
}

async fn hold_doubtful(store: &Store, taken: i64) -> Result<Held> {
    let (mut after, mut names, mut machines) = (String::new(), Vec::new(), 0);
    loop {
        let rows = store.machines(&after, 1000).await?;
        let Some(last) = rows.last() else { break };
        after = last.id.clone();
        machines += rows.len();
        for row in rows {
            if !erases(&row.life()?) {
                continue;
            }
            let now = clock::now();
            store.submit(&row.id(), Event::Hold, "restore", now).await?;
            let taken = jiff::Timestamp::from_microsecond(taken).unwrap_or_default();
            let note = format!(
                "the database was restored as it was at {taken:.0}: what was to be erased then may serve now"
            );
            store.remark(&row.id(), "restored", note, now).await?;
            names.push(row.name().to_string());
        }
    }
    Ok(Held { machines, names, copied: None })
}

/// Whether this row leads to an erasure by itself, or is in the middle of one.
fn erases(life: &Life) -> bool {
    let errand = matches!(life.errand, Errand::Reprovision | Errand::Release | Errand::Retire);
    let state = matches!(life.state, State::Partitioning | State::Installing | State::Wiping);
    life.approved || errand || state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_leads_to_an_erasure_is_held() {
        let life = Life::new(true);
        for state in State::ALL {
            let held = matches!(state, State::Partitioning | State::Installing | State::Wiping);
            assert_eq!(erases(&Life { state, ..life }), held, "{state}");
        }
        assert!(erases(&Life { state: State::Available, approved: true, ..life }));
        assert!(erases(&Life { state: State::Draining, errand: Errand::Reprovision, ..life }));
        assert!(erases(&Life { state: State::Draining, errand: Errand::Retire, ..life }));
        assert!(!erases(&Life { state: State::Draining, errand: Errand::Inspect, ..life }));
    }
}
