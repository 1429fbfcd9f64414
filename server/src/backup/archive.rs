//! The file that `metald backup` writes: a plain tar, so that any tool opens it in need. Its last member
//! lists all others with their digests: a file that was cut short has no list, and is refused.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ca::private_folder;

/// Member names: the copy of SQLite, the site file, and the folder of what lies in the state folder.
pub const DATABASE: &str = "database.sqlite";
pub const SITE: &str = "site.toml";
pub const STATE: &str = "state";
const LIST: &str = "backup.json";
const FORMAT: u32 = 1;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub site: String,
    /// Microseconds since 1970.
    pub taken: i64,
    /// The database is in it; otherwise it is PostgreSQL.
    pub sqlite: bool,
}

#[derive(Serialize, Deserialize)]
struct List {
    format: u32,
    version: String,
    #[serde(flatten)]
    about: About,
    /// SHA-256 by member.
    files: BTreeMap<String, String>,
}

pub struct Writer<W: Write> {
    tar: tar::Builder<W>,
    files: BTreeMap<String, String>,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W) -> Writer<W> {
        Writer { tar: tar::Builder::new(out), files: BTreeMap::new() }
    }

    pub fn add(&mut self, name: &str, file: File) -> Result<()> {
        let size = file.metadata()?.len();
        // A file that grows meanwhile is cut where it ended when it was opened.
        let mut content = Hashing { inner: file.take(size), digest: Sha256::new() };
        let written = self.tar.append_data(&mut header(size), name, &mut content);
        written.with_context(|| format!("cannot write {name} into the backup"))?;
        self.files.insert(name.into(), hex::encode(content.digest.finalize()));
        Ok(())
    }

    /// How many files are in it, and where it was written to.
    pub fn finish(mut self, about: About) -> Result<(W, usize)> {
        let number = self.files.len();
        let version = env!("CARGO_PKG_VERSION").into();
        let list = serde_json::to_vec_pretty(&List { format: FORMAT, version, about, files: self.files })?;
        self.tar.append_data(&mut header(list.len() as u64), LIST, list.as_slice())?;
        let out = self.tar.into_inner().context("cannot write the end of the backup")?;
        Ok((out, number))
    }
}

/// Unpacks into an empty folder, and says what it was only when nothing is missing and every digest is right.
pub fn unpack(file: &Path, into: &Path) -> Result<About> {
    let tar = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let broken = || format!("{} is no backup of metald, or it is damaged", file.display());
    let mut found = BTreeMap::new();
    let mut list: Option<List> = None;
    for member in tar::Archive::new(tar).entries().with_context(broken)? {
        let mut member = member.with_context(broken)?;
        let name = member.path().with_context(broken)?.to_string_lossy().into_owned();
        if name == LIST {
            list = Some(serde_json::from_reader(&mut member).with_context(broken)?);
            continue;
        }
        let inside = Path::new(&name).components().all(|part| matches!(part, Component::Normal(_)));
        ensure!(
            inside,
            "{} has a file `{name}`, which leads out of it: nothing was restored",
            file.display()
        );
        let digest = write(&mut member, &into.join(&name)).with_context(broken)?;
        found.insert(name, digest);
    }
    let Some(list) = list else {
        bail!("{} has no list of its files: it was cut short, or is no backup of metald", file.display());
    };
    ensure!(
        list.format == FORMAT,
        "{} was written by metald {}, in a format that this version ({}) does not read",
        file.display(),
        list.version,
        env!("CARGO_PKG_VERSION")
    );
    let wrong = list.files.iter().find(|(name, digest)| found.get(*name) != Some(digest));
    if let Some((name, _)) = wrong {
        bail!("{name} in {} is not what was written there: the backup is damaged", file.display());
    }
    Ok(list.about)
}

fn write(content: &mut impl Read, path: &Path) -> Result<String> {
    private_folder(path.parent().unwrap_or(path))?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut content = Hashing { inner: content, digest: Sha256::new() };
    io::copy(&mut content, &mut file)?;
    file.sync_all()?;
    Ok(hex::encode(content.digest.finalize()))
}

/// Whether two files hold the same.
pub fn same(one: &Path, other: &Path) -> io::Result<bool> {
    Ok(fs::read(one)? == fs::read(other)?)
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    header
}

struct Hashing<R> {
    inner: R,
    digest: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.digest.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        About { site: "lab".into(), taken: 1, sqlite: true }
    }

    fn written(folder: &Path) -> Vec<u8> {
        let secret = folder.join("secret");
        fs::write(&secret, "a secret").unwrap();
        let mut writer = Writer::new(Vec::new());
        writer.add("state/secret.key", File::open(&secret).unwrap()).unwrap();
        writer.finish(about()).unwrap().0
    }

    fn unpacked(bytes: &[u8]) -> Result<About> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("b.tar");
        fs::write(&file, bytes).unwrap();
        unpack(&file, &folder.path().join("into"))
    }

    #[test]
    fn what_was_written_is_read_again_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = written(folder.path());
        assert_eq!(unpacked(&bytes).unwrap(), about());
        for end in [0, 512, 600, 1024, 1536] {
            let error = unpacked(&bytes[..end]).unwrap_err();
            assert!(format!("{error:#}").contains("b.tar"), "cut at {end}: {error:#}");
        }
        let mut damaged = bytes.clone();
        damaged[512] ^= 1;
        assert!(unpacked(&damaged).unwrap_err().to_string().contains("damaged"));
        let newer = String::from_utf8(bytes).unwrap().replacen("\"format\": 1", "\"format\": 2", 1);
        assert!(unpacked(newer.as_bytes()).unwrap_err().to_string().contains("format"));
    }

    #[test]
    fn no_member_leads_out_of_the_folder() {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = header(1);
        // The writer of the crate refuses such a name, a stranger's does not.
        header.as_old_mut().name[..9].copy_from_slice(b"../ca.key");
        header.set_cksum();
        tar.append(&header, &b"x"[..]).unwrap();
        let error = unpacked(&tar.into_inner().unwrap()).unwrap_err();
        assert!(error.to_string().contains("leads out"), "{error:#}");
    }
}
