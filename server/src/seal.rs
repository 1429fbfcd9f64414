//! Secrets that must be read again, such as a cluster's access token, lie in the database encrypted: with a
//! key that lies in the state folder only, and bound to their place, so that a copied cell opens nowhere else.

use std::path::Path;

use anyhow::{Context, Result, bail};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use crate::ca::{keep_private, write_private};

/// File of the state folder.
pub const SECRET_KEY: &str = "secret.key";

pub struct Seal {
    key: LessSafeKey,
    random: SystemRandom,
}

impl Seal {
    /// Reads the key of the state folder, or makes it.
    pub fn open(state: &Path) -> Result<Seal> {
        let path = state.join(SECRET_KEY);
        let random = SystemRandom::new();
        if !path.exists() {
            write_private(&path, &format!("{}\n", hex::encode(fill::<32>(&random))))?;
        }
        keep_private(&path)?;
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let key = hex::decode(text.trim()).ok().and_then(|bytes| UnboundKey::new(&AES_256_GCM, &bytes).ok());
        let Some(key) = key else {
            bail!(
                "{} is not the 64 hex digits that it was made of: put it back from a backup of the state \
                 folder, for what it sealed in the database opens with nothing else",
                path.display()
            );
        };
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
}
