//! A BMC signs its own certificate: its key is pinned on first use, and another is refused before anything is sent.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use api::bmc::{Fault, Power};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};
use server::bmc::Driver;
use server::bmc::redfish::{Identity, Redfish};
use server::ca::Authority;
use server::http::tls;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::bench::{Inside, PASSWORD, login, pace, router};
use crate::trees::documents;

/// A BMC with a certificate of its own.
pub struct Served {
    pub address: SocketAddr,
    inside: Arc<Mutex<Inside>>,
    _task: JoinHandle<()>,
}

impl Served {
    pub async fn new(version: &'static SupportedProtocolVersion) -> Served {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let inside = Arc::new(Mutex::new(Inside { documents: documents("dell"), ..Inside::default() }));
        let task = tokio::spawn(tls::serve(listener, acceptor(version), router(inside.clone())));
        Served { address, inside, _task: task }
    }
}

fn acceptor(version: &'static SupportedProtocolVersion) -> TlsAcceptor {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::open(folder.path(), "bmc").unwrap();
    let now = server::clock::now() / 1_000_000;
    // For another name, as BMCs have them.
    let (certificate, key) = authority.server_certificate(&[], &["idrac-7XK2Q13".into()], now).unwrap();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    TlsAcceptor::from(Arc::new(
        config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap(),
    ))
}

pub fn driver(at: SocketAddr, pinned: Option<String>) -> Redfish {
    let url = format!("https://{at}").parse().unwrap();
    Redfish::new(url, login(PASSWORD), Identity::default(), pinned, pace()).unwrap()
}

#[tokio::test]
async fn the_first_key_is_pinned_and_another_refused() {
    for version in [&TLS12, &TLS13] {
        let served = Served::new(version).await;
        let (address, inside) = (served.address, served.inside.clone());
        let first = driver(address, None);
        assert_eq!(first.pinned(), None);
        assert_eq!(first.power().await, Ok(Power::On));
        let pinned = first.pinned().unwrap();
        assert_eq!(pinned.len(), 64, "{pinned}");
        assert_eq!(first.certificate(), Some(pinned.clone()));
        assert_eq!(driver(address, Some(pinned.clone())).power().await, Ok(Power::On));

        // Somebody else takes the call.
        let stranger = Served::new(version).await;
        let (elsewhere, other) = (stranger.address, stranger.inside.clone());
        let before = inside.lock().unwrap().asked.len();
        for _ in 0..2 {
            let pinning = driver(elsewhere, Some(pinned.clone()));
            let Err(Fault::CertificateChanged { pinned: known, presented }) = pinning.power().await else {
                panic!("it was believed")
            };
            assert_eq!(known, pinned);
            assert_ne!(presented, pinned);
            assert_eq!(pinning.pinned(), Some(pinned.clone()));
        }
        assert!(other.lock().unwrap().asked.is_empty(), "the password went to a stranger");
        assert_eq!(inside.lock().unwrap().asked.len(), before);
    }
}
