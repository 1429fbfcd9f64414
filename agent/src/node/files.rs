//! Files that others read while they are written, and files that nobody may see.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use api::cluster::NodeFile;

use super::RUN;

/// In one step for readers, and whole after a power cut. The new bytes never have a wider mode than the old ones.
pub fn replace(path: &Path, mode: u32, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().with_context(|| format!("{} is in no folder", path.display()))?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // A folder of configuration is read by suffix, which this one has not.
    let new = folder.join(format!(".{name}.new"));
    let write = || -> std::io::Result<()> {
        remove(&new)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Writes what differs. Returns whether anything did.
pub fn write_all(files: &[NodeFile]) -> Result<bool> {
    let mut changed = false;
    for file in files {
        let path = Path::new(&file.path);
        ensure!(path.is_absolute(), "the server names the file `{}`, which is no absolute path", file.path);
        let same = fs::read_to_string(path).is_ok_and(|text| text == file.text);
        let mode = fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o7777 == file.mode);
        if !(same && mode) {
            replace(path, file.mode, file.text.as_bytes())?;
            changed = true;
        }
    }
    Ok(changed)
}

/// What is not there is removed already.
pub fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// A file in memory that only root may read, and that goes when it is dropped.
pub struct SecretFile {
    path: PathBuf,
}

impl SecretFile {
    pub fn write(name: &str, text: &str) -> Result<SecretFile> {
        let folder = Path::new(RUN);
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(folder)
            .with_context(|| format!("cannot make {RUN}"))?;
        let path = folder.join(name);
        replace(&path, 0o600, text.as_bytes())?;
        Ok(SecretFile { path })
    }

    pub fn path(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        // It is in memory; the next boot forgets it anyway.
        let _ = remove(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_only_where_they_differ() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("etc/haproxy/haproxy.cfg");
        let file =
            |text: &str, mode| NodeFile { path: path.to_string_lossy().into(), mode, text: text.into() };
        assert!(write_all(&[file("a", 0o640)]).unwrap());
        assert!(!write_all(&[file("a", 0o640)]).unwrap());
        assert!(write_all(&[file("a", 0o600)]).unwrap());
        assert!(write_all(&[file("b", 0o600)]).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "b");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let relative = NodeFile { path: "etc/passwd".into(), mode: 0o600, text: String::new() };
        assert!(write_all(&[relative]).is_err());
    }
}
