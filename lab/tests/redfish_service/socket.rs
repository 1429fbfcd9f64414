//! What is not a matter of words: TLS and its certificate, a service that is slow or silent, a board that fails.

use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lab::bmc::board::Power;
use lab::bmc::fault::Fault;
use lab::bmc::redfish::Vendor;
use reqwest::{Client, StatusCode};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use serde_json::{Value, json};

use crate::memory::{Bmc, PASSWORD};

/// Believes all, and remembers it.
#[derive(Debug, Default)]
struct Seen(Mutex<Vec<Vec<u8>>>);

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0.lock().unwrap().push(certificate.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

fn client(seen: Arc<Seen>) -> Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.dangerous().with_custom_certificate_verifier(seen).with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(config)
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap()
}

async fn get(bmc: &Bmc, client: &Client, path: &str) -> reqwest::Result<(StatusCode, Value)> {
    let request = client.get(format!("https://{}{path}", bmc.address)).basic_auth("admin", Some(PASSWORD));
    let response = request.send().await?;
    Ok((response.status(), response.json().await?))
}

#[tokio::test]
async fn a_session_goes_over_one_connection_and_one_certificate() {
    let bmc = Bmc::of(Vendor::Plain);
    let seen = Arc::new(Seen::default());
    let client = client(seen.clone());
    let base = format!("https://{}/redfish/v1", bmc.address);
    let login = json!({"UserName": "admin", "Password": PASSWORD});
    let opened = client.post(format!("{base}/SessionService/Sessions")).json(&login).send().await.unwrap();
    assert_eq!(opened.status(), StatusCode::CREATED);
    assert_eq!(opened.headers()["odata-version"], "4.0");
    let token = opened.headers()["x-auth-token"].clone();
    opened.bytes().await.unwrap();
    let by_token =
        |path: &str| client.get(format!("{base}{path}")).header("x-auth-token", token.clone()).send();
    let system: Value = by_token("/Systems/1").await.unwrap().json().await.unwrap();
    assert_eq!(system["PowerState"], "Off");
    let head =
        client.head(format!("{base}/Systems/1")).header("x-auth-token", token.clone()).send().await.unwrap();
    assert_eq!((head.status(), head.bytes().await.unwrap().len()), (StatusCode::OK, 0));
    assert_eq!(seen.0.lock().unwrap().len(), 1);
    // Two tokens are never the same.
    let again = client.post(format!("{base}/SessionService/Sessions")).json(&login).send().await.unwrap();
    assert_ne!(again.headers()["x-auth-token"], token);
}

#[tokio::test]
async fn another_certificate_is_presented_and_the_old_connection_is_closed() {
    let bmc = Bmc::of(Vendor::Plain);
    let seen = Arc::new(Seen::default());
    let client = client(seen.clone());
    get(&bmc, &client, "/redfish/v1/Systems").await.unwrap();
    bmc.faults.set([Fault::OtherCertificate]);
    assert!(get(&bmc, &client, "/redfish/v1/Systems").await.is_err());
    get(&bmc, &client, "/redfish/v1/Systems").await.unwrap();
    bmc.faults.set([]);
    assert!(get(&bmc, &client, "/redfish/v1/Systems").await.is_err());
    get(&bmc, &client, "/redfish/v1/Systems").await.unwrap();
    let seen = seen.0.lock().unwrap();
    assert_eq!(seen.len(), 3);
    assert_ne!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

#[tokio::test]
async fn one_that_hangs_takes_connections_and_comes_back() {
    let bmc = Bmc::of(Vendor::Plain);
    let open = client(Arc::default());
    get(&bmc, &open, "/redfish/v1/Systems").await.unwrap();
    bmc.faults.set([Fault::Hung]);
    TcpStream::connect(bmc.address).unwrap();
    // On a connection that is open, and on a new one.
    for client in [&open, &client(Arc::default())] {
        let asked =
            tokio::time::timeout(Duration::from_millis(100), get(&bmc, client, "/redfish/v1/Systems"));
        assert!(asked.await.is_err());
    }
    bmc.faults.set([]);
    assert_eq!(get(&bmc, &client(Arc::default()), "/redfish/v1/Systems").await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn one_that_is_slow_answers_later() {
    let bmc = Bmc::of(Vendor::Plain);
    let by = Duration::from_millis(120);
    bmc.faults.set([Fault::Slow(by)]);
    let begun = Instant::now();
    assert_eq!(get(&bmc, &client(Arc::default()), "/redfish/v1/Systems").await.unwrap().0, StatusCode::OK);
    assert!(begun.elapsed() >= by);
}

#[tokio::test]
async fn what_the_board_cannot_do_is_the_services_error() {
    let bmc = Bmc::of(Vendor::Plain);
    bmc.board.look(|inside| inside.broken = true);
    let reset = format!("https://{}/redfish/v1/Systems/1/Actions/ComputerSystem.Reset", bmc.address);
    let request = client(Arc::default()).post(reset).basic_auth("admin", Some(PASSWORD));
    let response = request.json(&json!({"ResetType": "On"})).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let body: Value = response.json().await.unwrap();
    assert!(body["error"]["message"].as_str().is_some_and(|said| said.contains("is cut")), "{body}");
    assert_eq!(bmc.board.look(|inside| inside.power), Power::Off);
}

#[tokio::test]
async fn a_service_that_is_dropped_is_gone() {
    let bmc = Bmc::of(Vendor::Plain);
    let address = bmc.address;
    let open = client(Arc::default());
    get(&bmc, &open, "/redfish/v1/Systems").await.unwrap();
    drop(bmc);
    assert!(TcpStream::connect(address).is_err());
}
