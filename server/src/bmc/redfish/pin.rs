//! Whom we speak TLS with: BMCs sign their own certificates, so their key is pinned on first use. Another key is refused
//! before a byte of ours is sent, and both are told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};
use sha2::{Digest, Sha256};
use x509_parser::asn1_rs::{Any, FromDer};
use x509_parser::certificate::X509Certificate;

/// Validity, name and chain are not looked at: a BMC's clock and name are made up, its key is its own.
#[derive(Debug)]
pub struct Pin {
    seen: Mutex<Seen>,
    schemes: WebPkiSupportedAlgorithms,
}

#[derive(Debug, Default)]
struct Seen {
    pinned: Option<String>,
    refused: Option<String>,
}

impl Pin {
    /// With none, the key that is presented first is the one from then on.
    pub fn new(pinned: Option<String>) -> Pin {
        let schemes = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        Pin { seen: Mutex::new(Seen { pinned, refused: None }), schemes }
    }

    /// The key to keep: SHA-256 in hex of the certificate's SubjectPublicKeyInfo.
    pub fn pinned(&self) -> Option<String> {
        self.lock().pinned.clone()
    }

    /// The pinned key and the one that was refused since this was asked last.
    pub fn take_refused(&self) -> Option<(String, String)> {
        let mut seen = self.lock();
        let refused = seen.refused.take()?;
        Some((seen.pinned.clone().unwrap_or_default(), refused))
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A certificate is public: only who signs with its key has shown that it is theirs, and is pinned.
    fn proven(&self, certificate: &CertificateDer<'_>) -> Result<HandshakeSignatureValid, Error> {
        self.lock().pinned.get_or_insert(fingerprint(certificate)?);
        Ok(HandshakeSignatureValid::assertion())
    }

    /// By our own reading of the certificate, since webpki takes none of X.509's version 1, and old BMCs have such.
    fn check(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
        curve_is_bound: bool,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = self.schemes.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
        let algorithms = known.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?.1;
        let algorithms = if curve_is_bound { &algorithms[..1] } else { algorithms };
        let bad = Error::InvalidCertificate(CertificateError::BadSignature);
        let parsed = parse(certificate)?;
        let key = &parsed.tbs_certificate.subject_pki;
        let kind = algorithm(key.raw)?;
        let fit = algorithms.iter().find(|each| *each.public_key_alg_id() == *kind).ok_or(bad.clone())?;
        fit.verify_signature(&key.subject_public_key.data, message, signed.signature()).map_err(|_| bad)?;
        self.proven(certificate)
    }
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let presented = fingerprint(end_entity)?;
        let mut seen = self.lock();
        if seen.pinned.as_ref().is_some_and(|pinned| !pinned.eq_ignore_ascii_case(&presented)) {
            seen.refused = Some(presented);
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check(message, cert, dss, false)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // RFC 8446, 4.2.3: PKCS #1 signs no handshake any more.
        let old = [
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
        ];
        if old.contains(&dss.scheme) {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        self.check(message, cert, dss, true)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.supported_schemes()
    }
}

/// TLS as we speak it to this BMC.
pub fn tls(pin: Arc<Pin>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.dangerous().with_custom_certificate_verifier(pin).with_no_client_auth())
}

pub fn fingerprint(certificate: &CertificateDer<'_>) -> Result<String, Error> {
    let parsed = parse(certificate)?;
    Ok(hex::encode(Sha256::digest(parsed.tbs_certificate.subject_pki.raw)))
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Error> {
    let bad = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
    X509Certificate::from_der(certificate).map(|(_, parsed)| parsed).map_err(bad)
}

/// What is inside the AlgorithmIdentifier of a SubjectPublicKeyInfo (RFC 5280, 4.1).
fn algorithm(key: &[u8]) -> Result<&[u8], Error> {
    let inside = |der| match Any::from_der(der) {
        Ok((_, any)) => Ok(any.data),
        Err(_) => Err(Error::InvalidCertificate(CertificateError::BadEncoding)),
    };
    inside(inside(key)?)
}
