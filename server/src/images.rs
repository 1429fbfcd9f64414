//! The images folder: one folder each, a manifest and the files that it names. A broken image is left
//! out with a reason, so that it cannot keep the others from booting machines.

mod shelf;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use api::image::{FileRole, ImageFile, ImageKind, Manifest};
use bytes::Bytes;
use sha2::{Digest, Sha256};

pub use shelf::ShelfError;

/// The images as they were last loaded; clones share them.
#[derive(Clone)]
pub struct Images {
    folder: PathBuf,
    current: Arc<RwLock<Arc<Catalogue>>>,
}

/// What one look at the folder found.
#[derive(Default)]
pub struct Catalogue {
    images: BTreeMap<String, Image>,
    pub broken: Vec<Broken>,
}

pub struct Image {
    pub manifest: Manifest,
    /// Open since the image was loaded: when a newer one takes its place in the folder, downloads that
    /// have begun still end with the bytes that their digest promises.
    files: BTreeMap<String, Arc<File>>,
    /// Small, asked for by TFTP block by block, and checked against their digests.
    loaders: BTreeMap<String, Bytes>,
}

/// An image that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub name: String,
    pub reason: String,
}

impl Images {
    pub fn load(folder: &Path) -> Images {
        let current = Arc::new(RwLock::new(Arc::new(Catalogue::load(folder))));
        Images { folder: folder.into(), current }
    }

    pub fn current(&self) -> Arc<Catalogue> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the folder again.
    pub fn reload(&self) -> Arc<Catalogue> {
        let fresh = Arc::new(Catalogue::load(&self.folder));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh.clone();
        fresh
    }
}

impl Catalogue {
    fn load(folder: &Path) -> Catalogue {
        let mut catalogue = Catalogue::default();
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                let reason = format!("cannot read the images folder {}: {error}", folder.display());
                catalogue.broken.push(Broken { name: folder.display().to_string(), reason });
                return catalogue;
            }
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // What begins with a dot is the builder's own: half-made images, the store of versions.
            if name.starts_with('.') || !entry.path().is_dir() {
                continue;
            }
            match Image::load(&name, &entry.path()) {
                Ok(image) => _ = catalogue.images.insert(name, image),
                Err(reason) => catalogue.broken.push(Broken { name, reason }),
            }
        }
        catalogue.broken.sort_by(|a, b| a.name.cmp(&b.name));
        catalogue
    }

    /// All images, by name.
    pub fn all(&self) -> impl Iterator<Item = &Manifest> {
        self.images.values().map(|image| &image.manifest)
    }

    /// An operating system by its name.
    pub fn os(&self, name: &str) -> Option<&Manifest> {
        self.of_kind(ImageKind::Os).find(|manifest| manifest.name == name)
    }

    /// The image that the RAM agent boots from.
    pub fn ram(&self) -> Option<&Manifest> {
        self.of_kind(ImageKind::Ram).next()
    }

    /// A loader by its file name, whole.
    pub fn loader(&self, file: &str) -> Option<Bytes> {
        self.images.values().find_map(|image| image.loaders.get(file)).cloned()
    }

    /// A file of an image, with the bytes behind it.
    pub fn file(&self, image: &str, file: &str) -> Option<(&ImageFile, Arc<File>)> {
        let image = self.images.get(image)?;
        let listed = image.manifest.files.iter().find(|f| f.name == file)?;
        Some((listed, image.files.get(file)?.clone()))
    }

    fn of_kind(&self, kind: ImageKind) -> impl Iterator<Item = &Manifest> {
        self.all().filter(move |manifest| manifest.kind == kind)
    }
}

impl Image {
    fn load(name: &str, folder: &Path) -> Result<Image, String> {
        let path = folder.join("manifest.toml");
        let text =
            std::fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        let manifest: Manifest =
            toml::from_str(&text).map_err(|e| format!("{}: {}", path.display(), e.to_string().trim_end()))?;
        check(name, &manifest).map_err(|reason| format!("{}: {reason}", path.display()))?;
        let mut image = Image { manifest, files: BTreeMap::new(), loaders: BTreeMap::new() };
        for file in &image.manifest.files {
            let path = folder.join(&file.name);
            image.files.insert(file.name.clone(), Arc::new(open(&path, file)?));
            if file.role == FileRole::Loader {
                image.loaders.insert(file.name.clone(), read_checked(&path, file)?);
            }
        }
        Ok(image)
    }
}

/// What a manifest must have for its kind, before any of its files is looked at.
fn check(folder: &str, manifest: &Manifest) -> Result<(), String> {
    if manifest.name != folder {
        return Err(format!("the image is named `{}` and lies in the folder `{folder}`", manifest.name));
    }
    let needed: &[FileRole] = match manifest.kind {
        ImageKind::Ram => &[FileRole::Kernel, FileRole::Initrd],
        ImageKind::Loaders => &[FileRole::Loader],
        ImageKind::Os => &[FileRole::Root],
    };
    if let Some(role) = needed.iter().find(|role| manifest.file(**role).is_none()) {
        return Err(format!("an image of kind {:?} needs a file with the role {role:?}", manifest.kind)
            .to_lowercase());
    }
    if manifest.kind == ImageKind::Os && manifest.boot.is_none() {
        return Err("an operating system needs a [boot] table that says how it is made bootable".into());
    }
    for file in &manifest.files {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-+".contains(&b);
        if file.name.is_empty() || file.name.starts_with('.') || !file.name.bytes().all(plain) {
            return Err(format!("`{}` is not a file name: use letters, digits and . _ - +", file.name));
        }
        if file.sha256.len() != 64 || hex::decode(&file.sha256).is_err() {
            return Err(format!("the sha256 of {} is not 64 hex digits", file.name));
        }
        // Without it nobody could say whether a disk holds it.
        if file.role == FileRole::Root && file.unpacked == 0 {
            return Err(format!("{} has no `unpacked` size", file.name));
        }
    }
    Ok(())
}

fn open(path: &Path, listed: &ImageFile) -> Result<File, String> {
    let named = |e| format!("cannot open {}: {e}", path.display());
    let file = File::open(path).map_err(named)?;
    let found = file.metadata().map_err(named)?.len();
    if found != listed.size {
        return Err(format!(
            "{} has {found} bytes, the manifest says {}: build or copy the image again",
            path.display(),
            listed.size
        ));
    }
    Ok(file)
}

fn read_checked(path: &Path, listed: &ImageFile) -> Result<Bytes, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    if hex::encode(Sha256::digest(&bytes)) != listed.sha256.to_lowercase() {
        return Err(format!("{} differs from its digest: build or copy the image again", path.display()));
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, manifest: &str, files: &[(&str, &str)]) {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("manifest.toml"), manifest).unwrap();
        for (file, content) in files {
            std::fs::write(folder.join(file), content).unwrap();
        }
    }

    fn manifest(name: &str, kind: &str, files: &[(&str, &str, &str)]) -> String {
        let mut text = format!("name = \"{name}\"\nversion = \"1\"\nkind = \"{kind}\"\narch = \"x86_64\"\n");
        for (file, role, content) in files {
            let sha256 = hex::encode(Sha256::digest(content));
            text += &format!(
                "[[file]]\nname = \"{file}\"\nrole = \"{role}\"\nformat = \"raw\"\nsize = {}\nsha256 = \"{sha256}\"\n",
                content.len()
            );
        }
        text
    }

    #[test]
    fn a_broken_image_is_reported_and_the_others_load() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let ram = [("vmlinuz", "kernel", "k"), ("ram.zst", "initrd", "i")];
        write(at, "ram", &manifest("ram", "ram", &ram), &[("vmlinuz", "k"), ("ram.zst", "i")]);
        write(
            at,
            "loaders",
            &manifest("loaders", "loaders", &[("a.efi", "loader", "aa")]),
            &[("a.efi", "aa")],
        );
        write(at, "bent", &manifest("bent", "loaders", &[("b.efi", "loader", "bb")]), &[("b.efi", "bc")]);
        write(at, "short", &manifest("short", "ram", &ram), &[("vmlinuz", "k"), ("ram.zst", "")]);
        write(at, "alias", &manifest("other", "ram", &ram), &[]);
        write(at, "half", &manifest("half", "ram", &ram[..1]), &[("vmlinuz", "k")]);
        write(at, "naked", &manifest("naked", "os", &[("root", "root", "r")]), &[("root", "r")]);
        let boot =
            "[boot]\nefi = []\nefi_config = \"\"\nbios = \"\"\nkernel_path = \"\"\ninitrd_path = \"\"\n";
        let sizeless = manifest("sizeless", "os", &[("root", "root", "r")]) + boot;
        write(at, "sizeless", &sizeless, &[("root", "r")]);
        write(at, "outside", &manifest("outside", "loaders", &[("../x", "loader", "x")]), &[]);
        write(at, "garbage", "name = \n", &[]);
        write(at, ".store", "", &[]);
        let images = Images::load(at);
        let current = images.current();
        assert_eq!(current.all().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["loaders", "ram"]);
        assert_eq!(current.ram().unwrap().name, "ram");
        assert_eq!(current.loader("a.efi").unwrap(), "aa");
        assert!(current.loader("b.efi").is_none() && current.os("naked").is_none());
        assert!(current.file("ram", "vmlinuz").is_some() && current.file("ram", "manifest.toml").is_none());
        let reasons: Vec<_> = current
            .broken
            .iter()
            .map(|b| format!("{}: {}", b.name, b.reason.replace(&*at.to_string_lossy(), "IMAGES")))
            .collect();
        assert_eq!(
            reasons[..6],
            [
                "alias: IMAGES/alias/manifest.toml: the image is named `other` and lies in the folder `alias`",
                "bent: IMAGES/bent/b.efi differs from its digest: build or copy the image again",
                "garbage: IMAGES/garbage/manifest.toml: TOML parse error at line 1, column 8\n  |\n\
                 1 | name = \n  |        ^\nstring values must be quoted, expected literal string",
                "half: IMAGES/half/manifest.toml: an image of kind ram needs a file with the role initrd",
                "naked: IMAGES/naked/manifest.toml: an operating system needs a [boot] table that says how it is \
                 made bootable",
                "outside: IMAGES/outside/manifest.toml: `../x` is not a file name: use letters, digits and . _ - +",
            ]
        );
        assert!(reasons[6].starts_with("short: IMAGES/short/ram.zst has 0 bytes, the manifest says 1"));
        assert_eq!(reasons[7], "sizeless: IMAGES/sizeless/manifest.toml: root has no `unpacked` size");
    }

    #[test]
    fn a_reload_sees_what_is_new_and_keeps_what_is_being_read() {
        let folder = tempfile::tempdir().unwrap();
        let images = Images::load(folder.path());
        assert!(images.current().ram().is_none());
        let ram = [("vmlinuz", "kernel", "k"), ("ram.zst", "initrd", "i")];
        write(folder.path(), "ram", &manifest("ram", "ram", &ram), &[("vmlinuz", "k"), ("ram.zst", "i")]);
        assert!(images.reload().ram().is_some());
        assert!(images.clone().current().ram().is_some());
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert!(images.current().file("ram", "vmlinuz").is_some());
        assert!(images.reload().broken[0].reason.starts_with("cannot read the images folder"));
    }
}
