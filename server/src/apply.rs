//! A new site file in the place of the old one: whole or not at all, with the old one beside it.

use std::fs::{self, File};
use std::io::{Result, Write};
use std::path::Path;

/// The old file stays as `site.toml.previous`.
pub fn replace(path: &Path, text: &str) -> Result<()> {
    let (fresh, previous) = (path.with_added_extension("new"), path.with_added_extension("previous"));
    let mut file = File::create(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    if path.exists() {
        fs::set_permissions(&fresh, fs::metadata(path)?.permissions())?;
        fs::copy(path, previous)?;
    }
    fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_file_stays_beside_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.toml");
        replace(&path, "one").unwrap();
        replace(&path, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_to_string(folder.path().join("site.toml.previous")).unwrap(), "one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
