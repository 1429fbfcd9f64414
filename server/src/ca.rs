//! The site's own certificate authority: made at first start, kept in two files of the state folder.
//! It signs the server's certificate and one for each agent's home.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result};
use api::state::Home;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use sha2::{Digest, Sha256};

/// Files of the state folder.
pub const CA_PEM: &str = "ca.pem";
const CA_KEY: &str = "ca.key";

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// What everyone is given to trust.
    pub pem: String,
    /// SHA-256 of the certificate's DER, hex: travels on the kernel's command line.
    pub sha256: String,
}

/// Who an agent's certificate says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentName {
    pub machine: String,
    pub home: Home,
    /// Of the install, for home=disk; 0 in RAM.
    pub generation: i64,
    /// Of the boot, for home=ram; empty on disk.
    pub boot_id: String,
}

impl AgentName {
    /// As it stands in the certificate's subjectAltName.
    fn uri(&self) -> String {
        format!("metal:{}:{}:{}:{}", self.machine, self.home, self.generation, self.boot_id)
    }

    fn parse(uri: &str) -> Option<AgentName> {
        let mut parts = uri.strip_prefix("metal:")?.splitn(4, ':');
        let machine = parts.next()?.to_string();
        let home = match parts.next()? {
            "ram" => Home::Ram,
            "disk" => Home::Disk,
            _ => return None,
        };
        let generation = parts.next()?.parse().ok()?;
        Some(AgentName { machine, home, generation, boot_id: parts.next()?.into() })
    }

    /// Reads the name out of a certificate that TLS has already verified.
    pub fn of(der: &[u8]) -> Option<AgentName> {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
        let names = certificate.subject_alternative_name().ok()??;
        names.value.general_names.iter().find_map(|name| match name {
            x509_parser::extensions::GeneralName::URI(uri) => AgentName::parse(uri),
            _ => None,
        })
    }
}

impl Authority {
    /// Reads the authority of the state folder, or makes it.
    pub fn open(state: &Path, site: &str) -> Result<Authority> {
        let (pem_path, key_path) = (state.join(CA_PEM), state.join(CA_KEY));
        if !key_path.exists() {
            create(&pem_path, &key_path, site)?;
        }
        let read =
            |path: &Path| fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
        keep_private(&key_path)?;
        let (pem, key) = (read(&pem_path)?, read(&key_path)?);
        let key =
            KeyPair::from_pem(&key).with_context(|| format!("{} is no private key", key_path.display()))?;
        let issuer = Issuer::from_ca_cert_pem(&pem, key)
            .with_context(|| format!("{} is no certificate of that key", pem_path.display()))?;
        let der = der_of(&pem).with_context(|| format!("{} is no PEM certificate", pem_path.display()))?;
        Ok(Authority { issuer, pem, sha256: hex::encode(Sha256::digest(der)) })
    }

    /// The server's own certificate, made anew at each start: (certificate PEM, key PEM).
    pub fn server_certificate(
        &self,
        addresses: &[IpAddr],
        names: &[String],
        now_s: i64,
    ) -> Result<(String, String)> {
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name.push(DnType::CommonName, "metald");
        params.subject_alt_names.extend(addresses.iter().map(|a| SanType::IpAddress(*a)));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        valid_for(&mut params, now_s, 397);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    /// Signs an agent's request. All that the request says of itself is replaced by what we know.
    pub fn agent_certificate(&self, csr_pem: &str, name: &AgentName, now_s: i64) -> Result<String> {
        let mut request =
            CertificateSigningRequestParams::from_pem(csr_pem).context("no certificate request")?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name.machine.clone());
        params.subject_alt_names = vec![SanType::URI(Ia5String::try_from(name.uri())?)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        // A RAM boot lasts hours; an installed system renews long before its year is over.
        valid_for(&mut params, now_s, if name.home == Home::Ram { 7 } else { 366 });
        request.params = params;
        Ok(request.signed_by(&self.issuer)?.pem())
    }
}

/// From a day before now: a clock that runs a little behind must not break the first contact.
fn valid_for(params: &mut CertificateParams, now_s: i64, days: i64) {
    let second = |s: i64| date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(s.unsigned_abs());
    params.not_before = second(now_s - 86_400);
    params.not_after = second(now_s + days * 86_400);
}

fn create(pem_path: &Path, key_path: &Path, site: &str) -> Result<()> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, format!("metald {site}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid_for(&mut params, crate::clock::now() / 1_000_000, 20 * 365);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    // The key last, and once the certificate is on the disk: it is by the key that the next start knows that both are.
    let write = || {
        fs::write(pem_path, certificate.pem())?;
        fs::File::open(pem_path)?.sync_all()
    };
    write().with_context(|| format!("cannot write {}", pem_path.display()))?;
    write_private(key_path, &key.serialize_pem())
}

/// A file that only its owner reads, complete or absent.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    let partial = path.with_extension("partial");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)
        .with_context(|| format!("cannot write {}", partial.display()))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&partial, path).with_context(|| format!("cannot write {}", path.display()))?;
    // Its name, too: a power cut would leave the database that counts on it, and not the key.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all().with_context(|| format!("cannot write {}", folder.display()))
}

/// Takes a secret's file back from others who may read it, as after a restore with a careless copy.
pub fn keep_private(path: &Path) -> Result<()> {
    let look = || -> std::io::Result<()> {
        let mode = fs::metadata(path)?.permissions().mode();
        if mode & 0o077 == 0 {
            return Ok(());
        }
        tracing::warn!("{} was open to other accounts; what it holds may be known to them", path.display());
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))
    };
    look().with_context(|| format!("cannot keep {} to its owner", path.display()))
}

/// A folder that only its owner enters; one that is there already stays as its owner left it.
pub fn private_folder(path: &Path) -> Result<()> {
    let make = || {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
    };
    make().with_context(|| format!("cannot make the folder {}", path.display()))
}

/// When a certificate ends, in seconds since 1970.
pub fn ends(pem: &str) -> Option<i64> {
    let der = der_of(pem)?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

fn der_of(pem: &str) -> Option<Vec<u8>> {
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok()?;
    Some(block.contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_folder_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("lib/metald");
        private_folder(&state).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&state), 0o700);
        fs::create_dir(folder.path().join("plain")).unwrap();
        assert_eq!(mode(&folder.path().join("lib")), mode(&folder.path().join("plain")), "others live there");
        fs::set_permissions(&state, fs::Permissions::from_mode(0o750)).unwrap();
        private_folder(&state).unwrap();
        assert_eq!(mode(&state), 0o750);
    }

    #[test]
    fn a_key_that_others_could_read_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        Authority::open(folder.path(), "lab").unwrap();
        let key = folder.path().join(CA_KEY);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        Authority::open(folder.path(), "lab").unwrap();
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_first_start_that_is_cut_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (pem, key) = (folder.path().join(CA_PEM), folder.path().join(CA_KEY));
        fs::create_dir(&pem).unwrap();
        assert!(Authority::open(folder.path(), "lab").is_err());
        assert!(!key.exists(), "a key without its certificate would keep every later start from going on");
        fs::remove_dir(&pem).unwrap();
        Authority::open(folder.path(), "lab").unwrap();
    }

    /// A machine whose clock runs hours behind believes them all the same.
    #[test]
    fn certificates_count_from_a_day_ago() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path(), "lab").unwrap();
        let begins = |pem: &str| {
            let der = der_of(pem).unwrap();
            x509_parser::parse_x509_certificate(&der).unwrap().1.validity().not_before.timestamp()
        };
        let now = 1_790_000_000;
        let (server, _) = authority.server_certificate(&[], &[], now).unwrap();
        assert_eq!(begins(&server), now - 86_400);
        assert!(begins(&authority.pem) <= crate::clock::now() / 1_000_000 - 86_400);
        let name =
            AgentName { machine: "m1".into(), home: Home::Disk, generation: 3, boot_id: String::new() };
        let csr = CertificateParams::default().serialize_request(&KeyPair::generate().unwrap()).unwrap();
        let agent = authority.agent_certificate(&csr.pem().unwrap(), &name, now).unwrap();
        assert_eq!(begins(&agent), now - 86_400);
    }

    #[test]
    fn an_agent_is_named_by_its_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path(), "lab").unwrap();
        let again = Authority::open(folder.path(), "lab").unwrap();
        assert_eq!(authority.sha256, again.sha256, "it is made once");
        let (server, _) = authority.server_certificate(&[], &[], 1_790_000_000).unwrap();
        assert_eq!(ends(&server), Some(1_790_000_000 + 397 * 86_400));
        let key = KeyPair::generate().unwrap();
        let csr =
            CertificateParams::new(vec!["evil.example".into()]).unwrap().serialize_request(&key).unwrap();
        let name =
            AgentName { machine: "m1".into(), home: Home::Disk, generation: 3, boot_id: String::new() };
        let pem = authority.agent_certificate(&csr.pem().unwrap(), &name, 1_790_000_000).unwrap();
        let der = der_of(&pem).unwrap();
        assert_eq!(AgentName::of(&der), Some(name));
        assert!(!String::from_utf8_lossy(&der).contains("evil"), "the request names nothing");
    }
}
