//! What operators do to the images folder: read an image again, bring one in, take one away. A folder is renamed into
//! its place when it is whole, so that nobody ever sees half an image.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use api::image::{FileCheck, Manifest};
use sha2::{Digest, Sha256};

use super::{Image, Images};

#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    #[error("`{0}` is not a name of an image or of a file of one: use letters, digits and . _ - +")]
    Name(String),
    #[error("there is no image `{0}`")]
    NoImage(String),
    #[error("{0}")]
    Unfit(String),
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
}

type Result<T> = std::result::Result<T, ShelfError>;

impl Images {
    /// Reads all files of an image, however long that takes, and compares them with their digests.
    pub fn verify(&self, name: &str) -> Result<Vec<FileCheck>> {
        let catalogue = self.current();
        let image = catalogue.all().find(|manifest| manifest.name == name);
        let manifest = image.ok_or_else(|| ShelfError::NoImage(name.into()))?;
        let folder = self.folder.join(plain(name)?);
        manifest
            .files
            .iter()
            .map(|file| {
                let path = folder.join(plain(&file.name)?);
                let found = File::open(&path).and_then(digest);
                let problem = match found {
                    Ok((_, size)) if size != file.size => {
                        Some(format!("{size} bytes, expected {}", file.size))
                    }
                    Ok((sha256, _)) if sha256 != file.sha256.to_lowercase() => {
                        Some(format!("its SHA-256 is {sha256}"))
                    }
                    Ok(_) => None,
                    Err(error) => Some(error.to_string()),
                };
                Ok(FileCheck { name: file.name.clone(), size: file.size, problem })
            })
            .collect()
    }

    /// Where a file of an image that is on its way in is written to.
    pub fn incoming(&self, image: &str, file: &str) -> Result<PathBuf> {
        let folder = self.folder.join(format!(".incoming-{}", plain(image)?));
        fs::create_dir_all(&folder).map_err(io("make", &folder))?;
        Ok(folder.join(plain(file)?))
    }

    /// Takes in what was brought, in the place of an older one. What is not whole is thrown away.
    pub fn take_in(&self, image: &str) -> Result<Manifest> {
        let incoming = self.folder.join(format!(".incoming-{}", plain(image)?));
        let taken = self.judge(image, &incoming).and_then(|manifest| {
            self.put_away(image)?;
            let place = self.folder.join(image);
            fs::rename(&incoming, &place).map_err(io("name", &place))?;
            Ok(manifest)
        });
        if incoming.exists() {
            fs::remove_dir_all(&incoming).map_err(io("remove", &incoming))?;
        }
        self.reload();
        taken
    }

    fn judge(&self, name: &str, folder: &Path) -> Result<Manifest> {
        let image = Image::load(name, folder).map_err(ShelfError::Unfit)?;
        for file in &image.manifest.files {
            let path = folder.join(&file.name);
            let (sha256, _) = File::open(&path).and_then(digest).map_err(io("read", &path))?;
            if sha256 != file.sha256.to_lowercase() {
                let message =
                    format!("{} has the SHA-256 {sha256}, its manifest says {}", file.name, file.sha256);
                return Err(ShelfError::Unfit(message));
            }
        }
        Ok(image.manifest)
    }

    pub fn remove(&self, name: &str) -> Result<()> {
        if !self.folder.join(plain(name)?).exists() {
            return Err(ShelfError::NoImage(name.into()));
        }
        self.put_away(name)?;
        self.reload();
        Ok(())
    }

    /// Out of the way first, then gone: who downloads it has its files open.
    fn put_away(&self, name: &str) -> Result<()> {
        let place = self.folder.join(name);
        let Ok(kind) = place.symlink_metadata() else { return Ok(()) };
        if kind.is_symlink() {
            return fs::remove_file(&place).map_err(io("remove", &place));
        }
        let away = self.folder.join(format!(".removed-{name}"));
        if away.exists() {
            fs::remove_dir_all(&away).map_err(io("remove", &away))?;
        }
        fs::rename(&place, &away).map_err(io("name", &away))?;
        fs::remove_dir_all(&away).map_err(io("remove", &away))
    }
}

/// A name that stays in its folder.
fn plain(name: &str) -> Result<&str> {
    let fits = !name.is_empty()
        && name.len() <= 128
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+".contains(&b));
    if fits { Ok(name) } else { Err(ShelfError::Name(name.into())) }
}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ShelfError {
    let path = path.to_path_buf();
    move |source| ShelfError::Io { doing, path, source }
}

fn digest(mut file: File) -> io::Result<(String, u64)> {
    let (mut hash, mut buffer, mut size) = (Sha256::new(), vec![0; 1 << 20], 0);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((hex::encode(hash.finalize()), size));
        }
        hash.update(&buffer[..read]);
        size += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAM: &str = "name = \"ram\"\nversion = \"1\"\nkind = \"ram\"\narch = \"x86_64\"\n";

    fn bring(images: &Images, kernel: &str) {
        let mut manifest = RAM.to_string();
        for (name, role, text) in [("vmlinuz", "kernel", "k"), ("initrd", "initrd", "i")] {
            let sha256 = hex::encode(Sha256::digest(text));
            manifest += &format!(
                "[[file]]\nname = \"{name}\"\nrole = \"{role}\"\nformat = \"raw\"\nsize = 1\nsha256 = \"{sha256}\"\n"
            );
        }
        for (name, text) in [("manifest.toml", manifest.as_str()), ("vmlinuz", kernel), ("initrd", "i")] {
            fs::write(images.incoming("ram", name).unwrap(), text).unwrap();
        }
    }

    #[test]
    fn an_image_is_taken_in_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let images = Images::load(folder.path());
        bring(&images, "x");
        let refused = images.take_in("ram").unwrap_err().to_string();
        assert!(refused.starts_with("vmlinuz has the SHA-256"), "{refused}");
        assert!(images.current().ram().is_none() && fs::read_dir(folder.path()).unwrap().count() == 0);
        bring(&images, "k");
        assert_eq!(images.take_in("ram").unwrap().name, "ram");
        assert!(images.current().ram().is_some());
        assert!(images.verify("ram").unwrap().iter().all(|file| file.problem.is_none()));
        // A disk that rots, and a newer image in its place.
        fs::write(folder.path().join("ram/vmlinuz"), "x").unwrap();
        let checks = images.verify("ram").unwrap();
        assert!(checks[0].problem.as_ref().is_some_and(|problem| problem.contains("SHA-256")), "{checks:?}");
        assert_eq!(checks[1].problem, None);
        bring(&images, "k");
        images.take_in("ram").unwrap();
        assert!(images.verify("ram").unwrap().iter().all(|file| file.problem.is_none()));
        images.remove("ram").unwrap();
        assert!(images.current().ram().is_none() && fs::read_dir(folder.path()).unwrap().count() == 0);
        assert!(matches!(images.remove("ram"), Err(ShelfError::NoImage(_))));
    }

    #[test]
    fn names_stay_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let images = Images::load(folder.path());
        for name in ["", "..", ".store", "a/b", "a\0"] {
            assert!(matches!(images.incoming(name, "x"), Err(ShelfError::Name(_))), "{name}");
            assert!(matches!(images.incoming("a", name), Err(ShelfError::Name(_))), "{name}");
            assert!(images.remove(name).is_err() && images.take_in(name).is_err(), "{name}");
        }
    }
}
