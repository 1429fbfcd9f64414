//! The service on its socket: TLS, HTTP, the faults that are not a matter of words, and the board's hands and eyes.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use axum::body::{Body as Bytes, to_bytes};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request as HttpRequest, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::super::User;
use super::super::board::Board;
use super::super::fault::{Fault, Faults};
use super::super::picture::Picture;
use super::answer;
use super::certificate;
use super::message::{self, Message};
use super::request::{Body, Reply, Request};
use super::state::{Effect, State, View};
use super::vendor::Vendor;

/// More than any request is long.
const LARGEST: usize = 1 << 20;
/// A peer that does not finish its handshake must not hold a socket for ever.
const HANDSHAKE: Duration = Duration::from_secs(10);

pub struct Service {
    board: Arc<dyn Board>,
    faults: Faults,
    users: Vec<User>,
    vendor: Vendor,
    state: Mutex<State>,
    usual: TlsAcceptor,
    /// Presented while it is a fault.
    other: TlsAcceptor,
}

impl Service {
    pub fn new(board: Arc<dyn Board>, faults: Faults, users: Vec<User>, vendor: Vendor) -> Result<Service> {
        let (usual, other) = (certificate::acceptor()?, certificate::acceptor()?);
        Ok(Service { board, faults, users, vendor, state: Mutex::default(), usual, other })
    }
}

/// Accepts until its task is dropped; one connection's trouble is its own.
pub async fn serve(listener: std::net::TcpListener, service: Service) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let service = Arc::new(service);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, service.clone()));
            }
            // Out of descriptors, most likely: the next moment may be better.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// A BMC that hangs takes the connection, as its kernel does by itself, and never speaks TLS on it.
async fn connection(mut stream: TcpStream, service: Arc<Service>) {
    if service.faults.has(Fault::Hung) {
        // Until the other side gives up.
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        return;
    }
    let other = service.faults.has(Fault::OtherCertificate);
    let acceptor = if other { &service.other } else { &service.usual };
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await else { return };
    let exchanges = service_fn(move |request| exchange(service.clone(), request, other));
    // The other side closing it is how most of them end.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), exchanges).await;
}

/// What closes a connection without an answer.
#[derive(Debug)]
struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the service has gone")
    }
}

impl std::error::Error for Gone {}

async fn exchange(
    service: Arc<Service>,
    request: HttpRequest<Incoming>,
    other: bool,
) -> Result<Response<Bytes>, Gone> {
    if service.faults.has(Fault::Hung) {
        std::future::pending::<()>().await;
    }
    if let Some(delay) = service.faults.delay() {
        tokio::time::sleep(delay).await;
    }
    // Whoever changes a certificate restarts what presents it.
    if service.faults.has(Fault::OtherCertificate) != other {
        return Err(Gone);
    }
    let reply = match read(request).await {
        Ok(request) => {
            let answered = tokio::task::spawn_blocking(move || service.answer(&request)).await;
            answered.map_err(|_| Gone)?
        }
        Err(reply) => reply,
    };
    written(reply).map_err(|_| Gone)
}

async fn read(request: HttpRequest<Incoming>) -> Result<Request, Reply> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(Bytes::new(body), LARGEST)
        .await
        .map_err(|_| message::error(413, &[Message::base("UnrecognizedRequestBody", &[])]))?;
    let headers = parts.headers.iter().filter_map(|(name, value)| {
        // hyper has names in lower case.
        Some((name.as_str().to_string(), value.to_str().ok()?.to_string()))
    });
    Ok(Request {
        method: parts.method.as_str().into(),
        path: parts.uri.path().into(),
        query: parts.uri.query().unwrap_or_default().into(),
        headers: headers.collect(),
        body: body.to_vec(),
    })
}

fn written(reply: Reply) -> hyper::http::Result<Response<Bytes>> {
    let mut response = Response::builder()
        .status(reply.status)
        .header("odata-version", "4.0")
        .header("cache-control", "no-cache");
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    match reply.body {
        Body::None => response.body(Bytes::empty()),
        Body::Json(body) => response
            .header("content-type", "application/json; charset=utf-8")
            .body(Bytes::from(body.to_string())),
        Body::Xml(body) => {
            response.header("content-type", "application/xml; charset=utf-8").body(Bytes::from(body))
        }
    }
}

impl Service {
    fn answer(&self, request: &Request) -> Reply {
        let view = self.view();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (reply, effects) = answer::answer(self.vendor.manners(), &self.users, &mut state, &view, request);
        drop(state);
        for effect in effects {
            if let Err(error) = self.carry_out(effect) {
                let mut told = message::body(&[Message::base("InternalError", &[])]);
                told["error"]["message"] = format!("{error:#}").into();
                return Reply::json(500, told);
            }
        }
        reply
    }

    fn carry_out(&self, effect: Effect) -> Result<()> {
        match effect {
            Effect::Act(action) => self.board.act(action),
            Effect::Boot(boot) => self.board.set_boot(boot),
            Effect::Light(light) => self.board.set_light(light),
            Effect::ClearLog => {
                self.board.clear_log();
                Ok(())
            }
        }
    }

    fn view(&self) -> View {
        let mut dice = [0; 24];
        getrandom::fill(&mut dice).expect("the kernel has random bytes");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        View {
            board: Picture::of(&*self.board),
            now,
            dice,
            lying: self.faults.has(Fault::Lying),
            forgetful: self.faults.has(Fault::Forgetful),
            no_sessions: self.faults.has(Fault::NoSessions),
        }
    }
}
