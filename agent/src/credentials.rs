//! Keys, certificate requests and the one CA that is believed.

use anyhow::{Context, Result, ensure};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

pub struct Request {
    pub key_pem: String,
    pub csr_pem: String,
}

/// A new key and the request for its certificate. The server alone says what the certificate names.
pub fn request() -> Result<Request> {
    let key = KeyPair::generate().context("cannot make a key")?;
    Ok(Request { key_pem: key.serialize_pem(), csr_pem: csr(&key)? })
}

/// A request for a further certificate of a key that is there.
pub fn request_for(key_pem: &str) -> Result<String> {
    csr(&KeyPair::from_pem(key_pem).context("the agent's key is damaged")?)
}

fn csr(key: &KeyPair) -> Result<String> {
    let csr = CertificateParams::default().serialize_request(key).and_then(|csr| csr.pem());
    csr.context("cannot write a certificate request")
}

/// The pin: whoever spoofs the boot server cannot make this fingerprint.
pub fn check_ca(pem: &str, sha256: &str) -> Result<()> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes())
        .context("what the boot server gave as its CA is no certificate")?;
    let found = hex::encode(Sha256::digest(&der));
    ensure!(
        found == sha256,
        "the CA of the boot server has the fingerprint {found}, expected {sha256}: another server answers, \
         or it was set up anew"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_pinned_ca_passes() {
        let key = KeyPair::generate().unwrap();
        let ca = CertificateParams::default().self_signed(&key).unwrap();
        let pin = hex::encode(Sha256::digest(ca.der()));
        check_ca(&ca.pem(), &pin).unwrap();
        let error = check_ca(&ca.pem(), &"0".repeat(64)).unwrap_err().to_string();
        assert!(error.contains(&pin), "{error}");
        assert!(check_ca("<html>", &pin).is_err());
    }

    #[test]
    fn a_request_is_pem_and_keys_differ() {
        let (a, b) = (request().unwrap(), request().unwrap());
        assert!(a.csr_pem.contains("CERTIFICATE REQUEST"));
        assert!(a.key_pem.contains("PRIVATE KEY"));
        assert_ne!(a.key_pem, b.key_pem);
        assert!(request_for(&a.key_pem).unwrap().contains("CERTIFICATE REQUEST"));
        assert!(request_for("").is_err());
    }
}
