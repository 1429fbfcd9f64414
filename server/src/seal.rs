//! Secrets that must be read again, such as a cluster's access token, lie in the database encrypted: with a
//! key that is not in it, and bound to their place, so that a copied cell opens nowhere else. The key is a file of the
//! state folder, or a credential that systemd hands over.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};

use crate::ca::{keep_private, write_private};

/// File of the state folder.
pub const SECRET_KEY: &str = "secret.key";

pub struct Seal {
    key: LessSafeKey,
    random: SystemRandom,
}

/// The credential by which systemd hands the key over, in the place of the file.
pub const CREDENTIAL: &str = "metald.secret.key";

/// File of the state folder: the SHA-256 of the key that the database was sealed with, hex. It tells keys apart, and
/// tells nothing of a key.
const FINGERPRINT: &str = "secret.fingerprint";

/// Where systemd has put the key for this service; None where the unit names none.
pub fn credential(folder: Option<&OsStr>) -> Option<PathBuf> {
    folder.map(|folder| Path::new(folder).join(CREDENTIAL)).filter(|path| path.exists())
}

impl Seal {
    /// Reads the key of the state folder, or makes it.
    pub fn open(state: &Path) -> Result<Seal> {
        Seal::open_with(state, None)
    }

    /// The key is the credential where there is one, else the file of the state folder. Another key than before opens
    /// nothing that is in the database, and a new one would only hide that.
    pub fn open_with(state: &Path, credential: Option<&Path>) -> Result<Seal> {
        let (path, fingerprint) = (state.join(SECRET_KEY), state.join(FINGERPRINT));
        let random = SystemRandom::new();
        match credential {
            Some(credential) if path.exists() => bail!(
                "there are two keys, the credential {} and {}: take the file away if they are the same, else keep the \
                 one that this database was written with",
                credential.display(),
                path.display()
            ),
            Some(_) => {}
            None if !path.exists() && fingerprint.exists() => bail!(
                "the key of this database is gone: {} is not there, and systemd hands over no credential {CREDENTIAL}",
                path.display()
            ),
            None if !path.exists() => {
                write_private(&path, &format!("{}\n", hex::encode(fill::<32>(&random))))?
            }
            None => {}
        }
        if credential.is_none() {
            keep_private(&path)?;
        }
        let key = read(credential.unwrap_or(&path))?;
        same_as_before(&fingerprint, &key)?;
        let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| anyhow!("32 bytes are no key"))?;
        Ok(Seal { key: LessSafeKey::new(key), random })
    }

    /// Encrypts for one place, such as `cluster.access/prod`: it opens under that name only.
    pub fn seal(&self, place: &str, plain: &[u8]) -> String {
        let nonce = fill::<NONCE_LEN>(&self.random);
        let mut sealed = plain.to_vec();
        let aad = Aad::from(place.as_bytes());
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .expect("AES-GCM refuses only what is longer than 64 GiB");
        format!("{}{}", hex::encode(nonce), hex::encode(sealed))
    }

    pub fn unseal(&self, place: &str, sealed: &str) -> Result<Vec<u8>> {
        let mut bytes = hex::decode(sealed).with_context(|| format!("{place} is not sealed text"))?;
        let Some((nonce, cipher)) = bytes.split_first_chunk_mut::<NONCE_LEN>() else {
            bail!("{place} is too short to be sealed text");
        };
        let nonce = Nonce::assume_unique_for_key(*nonce);
        match self.key.open_in_place(nonce, Aad::from(place.as_bytes()), cipher) {
            Ok(plain) => Ok(plain.to_vec()),
            Err(_) => bail!(
                "{place} does not open: it was sealed with another {SECRET_KEY} or for another place; put back \
                 the {SECRET_KEY} that belongs to this database"
            ),
        }
    }
}

fn read(path: &Path) -> Result<[u8; 32]> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let key = hex::decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
    key.ok_or_else(|| {
        anyhow!(
            "{} is not the 64 hex digits that it was made of: put it back from a backup, for what it sealed in the \
             database opens with nothing else",
            path.display()
        )
    })
}

/// The first key of a database is remembered; another one is refused before anything is sealed with it.
fn same_as_before(path: &Path, key: &[u8; 32]) -> Result<()> {
    let now = hex::encode(Sha256::digest(key));
    if !path.exists() {
        return write_private(path, &format!("{now}\n"));
    }
    let then = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    if then.trim() == now {
        return Ok(());
    }
    bail!(
        "this is not the key that this database was written with: put that one back, from a backup or as the credential \
         {CREDENTIAL}. Whoever has lost it for good removes {}, and what was sealed is lost",
        path.display()
    )
}

fn fill<const N: usize>(random: &SystemRandom) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes).expect("Linux gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_opens_in_its_place_with_its_key_only() {
        let folder = tempfile::tempdir().unwrap();
        let seal = Seal::open(folder.path()).unwrap();
        let sealed = seal.seal("cluster.access/prod", b"a secret");
        assert_ne!(sealed, seal.seal("cluster.access/prod", b"a secret"), "a nonce is used once");
        assert!(!sealed.contains("a secret") && !sealed.contains(&hex::encode("a secret")));
        let again = Seal::open(folder.path()).unwrap();
        assert_eq!(again.unseal("cluster.access/prod", &sealed).unwrap(), b"a secret");
        assert!(again.unseal("cluster.access/test", &sealed).is_err(), "another place");
        let stranger = tempfile::tempdir().unwrap();
        let error = Seal::open(stranger.path()).unwrap().unseal("cluster.access/prod", &sealed).unwrap_err();
        assert!(error.to_string().contains("secret.key"), "{error}");
        for broken in ["", "00", "not hex", &sealed[2..], &sealed[..sealed.len() - 2]] {
            assert!(again.unseal("cluster.access/prod", broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn the_key_is_its_owners_and_a_broken_one_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        Seal::open(folder.path()).unwrap();
        let path = folder.path().join(SECRET_KEY);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        Seal::open(folder.path()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "garbage").unwrap();
        assert!(Seal::open(folder.path()).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "garbage");
    }

    #[test]
    fn a_credential_is_the_key_and_no_file_is_made_beside_it() {
        let (state, handed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert_eq!(credential(None), None);
        assert_eq!(
            credential(Some(handed.path().as_os_str())),
            None,
            "the unit names it, and nobody gave it"
        );
        fs::write(handed.path().join(CREDENTIAL), format!("{}\n", "5a".repeat(32))).unwrap();
        let path = credential(Some(handed.path().as_os_str())).unwrap();
        let sealed = Seal::open_with(state.path(), Some(&path)).unwrap().seal("a/b", b"secret");
        assert!(!state.path().join(SECRET_KEY).exists());
        let again = Seal::open_with(state.path(), Some(&path)).unwrap();
        assert_eq!(again.unseal("a/b", &sealed).unwrap(), b"secret");
        // Started without the credential: no new key is made that would hide it.
        let error = Seal::open(state.path()).err().unwrap().to_string();
        assert!(error.contains("no credential metald.secret.key"), "{error}");
        assert!(!state.path().join(SECRET_KEY).exists());
        // Whoever moves the key into a file, or the file into a credential, has the same key.
        fs::copy(&path, state.path().join(SECRET_KEY)).unwrap();
        assert_eq!(Seal::open(state.path()).unwrap().unseal("a/b", &sealed).unwrap(), b"secret");
        let error = Seal::open_with(state.path(), Some(&path)).err().unwrap().to_string();
        assert!(error.contains("two keys"), "{error}");
    }

    #[test]
    fn another_key_than_before_is_refused_before_it_seals() {
        let state = tempfile::tempdir().unwrap();
        Seal::open(state.path()).unwrap();
        let path = state.path().join(SECRET_KEY);
        let first = fs::read_to_string(&path).unwrap();
        fs::write(&path, "5a".repeat(32)).unwrap();
        let error = Seal::open(state.path()).err().unwrap().to_string();
        assert!(error.contains("not the key that this database was written with"), "{error}");
        assert!(!error.contains("5a5a"), "a key is not told");
        fs::write(&path, &first).unwrap();
        Seal::open(state.path()).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(Seal::open(state.path()).is_err() && !path.exists(), "a lost key is not made anew");
    }
}
