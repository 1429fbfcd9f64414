//! From a request over TLS to a BMC over UDP and back.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use api::console::{Decoder, Frame, PROTOCOL, encode};
use api::id::MachineId;
use api::user::{AuditQuery, Role};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::app::App;
use crate::bmc::access::seal_place;
use crate::bmc::bmcs::Bmcs;
use crate::bmc::ipmi::tests::driver::Bench as Bmc;
use crate::ca::Authority;
use crate::config::Site;
use crate::http::boot::hash;
use crate::http::{secure, tls};
use crate::images::Images;
use crate::seal::Seal;
use crate::store::bmc::BmcRow;
use crate::store::machine::Birth;
use crate::store::{NewToken, Store};

struct Bench {
    app: App,
    address: SocketAddr,
    bmc: Bmc,
    _folder: TempDir,
    served: tokio::task::JoinHandle<()>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.served.abort();
    }
}

/// A connection that was a request.
struct Terminal {
    stream: TlsStream<TcpStream>,
    decoder: Decoder,
    status: String,
}

impl Bench {
    async fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let app = App {
            store: Store::open(&format!("sqlite://{}", folder.path().join("db").display())).await.unwrap(),
            site: Arc::new(Site::parse("name = \"test\"").unwrap()),
            images: Images::load(&folder.path().join("images")),
            authority: Arc::new(Authority::open(folder.path(), "test").unwrap()),
            seal: Arc::new(Seal::open(folder.path()).unwrap()),
            clusters: crate::cluster::Clusters::default(),
            bmcs: Bmcs::default(),
        };
        let birth = Birth { hostname: Some("node07".parse().unwrap()), enrolled: true, ..Birth::default() };
        app.store.machine_born(birth, MachineId("m1".into()), 1).await.unwrap();
        for (name, role) in [("ada", Role::Operator), ("bob", Role::Operator), ("eve", Role::Viewer)] {
            let token = NewToken { hash: hash(name), name: name.into(), role, kind: "token", expires: None };
            app.store.token_add(token, 1).await.unwrap();
        }
        let bmc = Bmc::equipped().await;
        app.store.bmc_put(row(&app, bmc.address.port())).await.unwrap();
        let now = crate::clock::now() / 1_000_000;
        let (certificate, key) =
            app.authority.server_certificate(&[Ipv4Addr::LOCALHOST.into()], &[], now).unwrap();
        let acceptor = tls::acceptor(&app.authority.pem, &certificate, &key).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(tls::serve(listener, acceptor, secure(app.clone())));
        Bench { app, address, bmc, _folder: folder, served }
    }

    async fn console(&self, token: &str, query: &str) -> Terminal {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.app.authority.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::IpAddress(Ipv4Addr::LOCALHOST.into());
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        let request = format!(
            "POST /api/v1/machines/node07/console{query} HTTP/1.1\r\nHost: metald\r\nAuthorization: Bearer {token}\r\n\
             Connection: upgrade\r\nUpgrade: {PROTOCOL}\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().to_string();
        Terminal { stream, decoder: Decoder::default(), status }
    }

    /// What the audit log has of consoles, oldest first.
    async fn audit(&self) -> Vec<(String, String, Option<u16>)> {
        let query = AuditQuery { who: None, subject: Some("m1".into()), before: None, limit: None };
        let entries = self.app.store.audit(&query).await.unwrap();
        let told = |entry: api::user::AuditEntry| (entry.who, entry.call, entry.status);
        entries.into_iter().rev().map(told).collect()
    }
}

fn row(app: &App, port: u16) -> BmcRow {
    BmcRow {
        machine: "m1".into(),
        driver: "ipmi".into(),
        address: "127.0.0.1".into(),
        port: Some(port.into()),
        credentials: None,
        username: "ADMIN".into(),
        password: Some(app.seal.seal(&seal_place("m1"), b"a-password")),
        certificate: None,
        origin: "operator".into(),
        bmc_key: None,
        secure_on: None,
    }
}

impl Terminal {
    /// The next frame that says something; None where the connection has ended.
    async fn frame(&mut self) -> Option<Frame> {
        let mut buffer = [0; 512];
        loop {
            match self.decoder.pop().unwrap() {
                Some(Frame::Bytes(bytes)) if bytes.is_empty() => continue,
                Some(frame) => return Some(frame),
                None => {}
            }
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(length) => self.decoder.push(&buffer[..length]),
            }
        }
    }

    async fn until(&mut self, end: &str) {
        let mut said = String::new();
        while !said.ends_with(end) {
            match self.frame().await {
                Some(Frame::Bytes(bytes)) => said += &String::from_utf8_lossy(&bytes),
                other => panic!("{said:?}, then {other:?}"),
            }
        }
    }

    async fn types(&mut self, text: &str) {
        self.stream.write_all(&encode(&Frame::Bytes(text.into()))).await.unwrap();
    }

    /// The body of an answer that is none of a console.
    async fn body(&mut self) -> String {
        let mut body = String::new();
        let mut buffer = [0; 512];
        while !body.contains('}') {
            let length = self.stream.read(&mut buffer).await.unwrap();
            body += &String::from_utf8_lossy(&buffer[..length]);
        }
        body
    }
}

#[tokio::test]
async fn an_operator_types_and_reads_and_both_ends_are_on_record() {
    let bench = Bench::new().await;
    let mut ada = bench.console("ada", "").await;
    assert_eq!(ada.status, "101");
    ada.until("login: ").await;
    ada.types("root").await;
    ada.until("ROOT").await;
    ada.stream.shutdown().await.unwrap();
    assert_eq!(ada.frame().await, None);
    drop(ada);
    // The place is free as soon as the BMC has ended the console, and the next one gets it.
    let mut bob = bench.console("bob", "?take=true").await;
    assert_eq!(bob.status, "101");
    bob.until("login: ").await;
    let audit = bench.audit().await;
    let path = "/api/v1/machines/node07/console";
    assert_eq!(audit[0], ("ada".into(), format!("POST {path}"), Some(101)));
    let end = ("ada".into(), format!("END {path}"), Some(200));
    assert!(audit.contains(&end), "{audit:?}");
}

#[tokio::test]
async fn one_sits_at_it_until_another_takes_it() {
    let bench = Bench::new().await;
    let mut ada = bench.console("ada", "").await;
    ada.until("login: ").await;
    let mut bob = bench.console("bob", "").await;
    assert_eq!(bob.status, "409");
    let refused = bob.body().await;
    assert!(refused.contains("ada has the console of node07 since"), "{refused}");
    let mut bob = bench.console("bob", "?take=true").await;
    assert_eq!(bob.status, "101");
    assert_eq!(ada.frame().await, Some(Frame::End("somebody else took it".into())));
    bob.until("login: ").await;
}

#[tokio::test]
async fn whoever_may_not_or_speaks_something_else_is_told() {
    let bench = Bench::new().await;
    assert_eq!(bench.console("eve", "").await.status, "403");
    let none = BmcRow { driver: "wake-on-lan".into(), ..row(&bench.app, bench.bmc.address.port()) };
    bench.app.store.bmc_put(none).await.unwrap();
    bench.app.bmcs.forget("m1");
    let mut ada = bench.console("ada", "").await;
    assert_eq!(ada.status, "501");
    let refused = ada.body().await;
    assert!(refused.contains("the console of node07: not supported"), "{refused}");
}
