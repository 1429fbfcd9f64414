//! Kernels, initrds, loaders and OS images over plain HTTP. Only what a manifest names is served; every
//! answer has its length, because firmware and iPXE take no chunked bodies, and can be resumed.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};

use super::range::{Asked, asked, if_range_holds, names_etag};
use crate::images::Images;

/// Read at once. Larger gains nothing once the page cache is warm, and a boot storm holds two a client.
const CHUNK: u64 = 256 * 1024;

/// The answer to a request for a file of an image.
pub fn answer(images: &Images, image: &str, file: &str, method: &Method, headers: &HeaderMap) -> Response {
    let current = images.current();
    let Some((listed, content)) = current.file(image, file) else {
        let text =
            format!("no file `{file}` in an image `{image}`; `metalctl image list` shows the images\n");
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let etag = format!("\"{}\"", listed.sha256);
    let value = |name: HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    if value(header::IF_MATCH).is_some_and(|tags| !names_etag(tags, &etag)) {
        return StatusCode::PRECONDITION_FAILED.into_response();
    }
    if value(header::IF_NONE_MATCH).is_some_and(|tags| names_etag(tags, &etag)) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
    }
    let ranged = method == Method::GET && if_range_holds(value(header::IF_RANGE), &etag);
    let (status, part) = match asked(value(header::RANGE).filter(|_| ranged), listed.size) {
        Asked::Whole => (StatusCode::OK, 0..listed.size),
        Asked::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Asked::Unsatisfiable => {
            let range = format!("bytes */{}", listed.size);
            return (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, range)]).into_response();
        }
    };
    let mut fields = HeaderMap::new();
    let mut set = |name, text: &str| _ = HeaderValue::from_str(text).map(|value| fields.insert(name, value));
    set(header::CONTENT_TYPE, "application/octet-stream");
    set(header::CONTENT_LENGTH, &(part.end - part.start).to_string());
    set(header::ACCEPT_RANGES, "bytes");
    set(header::ETAG, &etag);
    if status == StatusCode::PARTIAL_CONTENT {
        set(header::CONTENT_RANGE, &format!("bytes {}-{}/{}", part.start, part.end - 1, listed.size));
    }
    let body = if method == Method::HEAD { Body::empty() } else { Body::from_stream(read(content, part)) };
    (status, fields, body).into_response()
}

/// The bytes of a part, one chunk read ahead of the one that is sent. Reads run beside the runtime, so
/// a cold disk stalls nobody else; a memory map would be faster from a warm cache, but a page fault
/// would stall a worker, and a file cut short by hand would kill the server with SIGBUS.
fn read(file: Arc<File>, part: Range<u64>) -> impl Stream<Item = io::Result<Bytes>> {
    let end = part.end;
    let starts = part.step_by(CHUNK as usize);
    stream::iter(starts)
        .map(move |start| {
            let file = file.clone();
            let length = (end - start).min(CHUNK) as usize;
            async move {
                let chunk = move || {
                    let mut chunk = vec![0; length];
                    file.read_exact_at(&mut chunk, start).map(|()| Bytes::from(chunk))
                };
                tokio::task::spawn_blocking(chunk).await.map_err(io::Error::other)?
            }
        })
        .buffered(2)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::extract::Path;
    use axum::routing::get;
    use sha2::{Digest, Sha256};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Not a multiple of the chunk, and no two chunks alike.
    fn content() -> Vec<u8> {
        (0..3 * CHUNK + 1000).map(|i| (i / 251 + i) as u8).collect()
    }

    async fn server(folder: &std::path::Path) -> std::net::SocketAddr {
        let image = folder.join("ram");
        std::fs::create_dir_all(&image).unwrap();
        std::fs::write(image.join("vmlinuz"), content()).unwrap();
        std::fs::write(image.join("initrd"), b"").unwrap();
        let digest = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
        let manifest = format!(
            "name = \"ram\"\nversion = \"1\"\nkind = \"ram\"\narch = \"x86_64\"\n\
             [[file]]\nname = \"vmlinuz\"\nrole = \"kernel\"\nformat = \"raw\"\nsize = {}\nsha256 = \"{}\"\n\
             [[file]]\nname = \"initrd\"\nrole = \"initrd\"\nformat = \"raw\"\nsize = 0\nsha256 = \"{}\"\n",
            content().len(),
            digest(&content()),
            digest(b"")
        );
        std::fs::write(image.join("manifest.toml"), manifest).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let images = Images::load(folder);
        let serve =
            async move |Path((image, file)): Path<(String, String)>, method: Method, headers: HeaderMap| {
                answer(&images, &image, &file, &method, &headers)
            };
        let routes = Router::new().route("/images/{image}/{file}", get(serve));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        address
    }

    /// One request on a connection of its own: the head of the answer in lower case, and its body.
    async fn ask(address: std::net::SocketAddr, request: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{request}\r\nHost: boot\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        (String::from_utf8_lossy(&answer[..end]).to_lowercase(), answer[end + 4..].to_vec())
    }

    #[tokio::test]
    async fn files_travel_whole_in_part_and_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let address = server(folder.path()).await;
        let size = content().len();
        let etag = format!("\"{}\"", hex::encode(Sha256::digest(content())));
        let get = "GET /images/ram/vmlinuz HTTP/1.1";

        let (head, body) = ask(address, get).await;
        assert!(
            head.starts_with("http/1.1 200") && head.contains(&format!("content-length: {size}")),
            "{head}"
        );
        assert!(!head.contains("chunked") && head.contains(&etag), "{head}");
        assert_eq!(body, content());

        let (head, body) = ask(address, "HEAD /images/ram/vmlinuz HTTP/1.1\r\nRange: bytes=1-2").await;
        assert!(
            head.starts_with("http/1.1 200") && head.contains(&format!("content-length: {size}")),
            "{head}"
        );
        assert!(body.is_empty());

        let from = CHUNK as usize - 7;
        let ranged = format!("{get}\r\nRange: bytes={from}-\r\nIf-Range: {etag}");
        let (head, body) = ask(address, &ranged).await;
        assert!(head.starts_with("http/1.1 206"), "{head}");
        assert!(head.contains(&format!("content-range: bytes {from}-{}/{size}", size - 1)), "{head}");
        assert_eq!(body, content()[from..]);

        let (head, body) = ask(address, &format!("{get}\r\nRange: bytes=5-9\r\nIf-Range: \"older\"")).await;
        assert!(head.starts_with("http/1.1 200") && body.len() == size, "{head}");

        let (head, _) = ask(address, &format!("{get}\r\nRange: bytes={size}-")).await;
        assert!(head.starts_with("http/1.1 416") && head.contains(&format!("bytes */{size}")), "{head}");

        let (head, body) = ask(address, &format!("{get}\r\nIf-None-Match: {etag}")).await;
        assert!(head.starts_with("http/1.1 304") && body.is_empty(), "{head}");

        let (head, _) = ask(address, &format!("{get}\r\nIf-Match: \"older\"")).await;
        assert!(head.starts_with("http/1.1 412"), "{head}");

        let (head, body) = ask(address, "GET /images/ram/initrd HTTP/1.1").await;
        assert!(
            head.starts_with("http/1.1 200") && head.contains("content-length: 0") && body.is_empty(),
            "{head}"
        );
    }

    #[tokio::test]
    async fn only_what_a_manifest_names_is_served() {
        let folder = tempfile::tempdir().unwrap();
        let address = server(folder.path()).await;
        std::fs::write(folder.path().join("secret"), "x").unwrap();
        for path in [
            "/images/ram/manifest.toml",
            "/images/ram/..%2Fsecret",
            "/images/ram/../secret",
            "/images/..%2F/secret",
            "/images/ram/",
            "/images/nothing/vmlinuz",
        ] {
            let (head, body) = ask(address, &format!("GET {path} HTTP/1.1")).await;
            assert!(head.starts_with("http/1.1 404"), "{path}: {head}");
            assert!(!body.starts_with(b"x"));
        }
        let (head, _) = ask(address, "POST /images/ram/vmlinuz HTTP/1.1\r\nContent-Length: 0").await;
        assert!(head.starts_with("http/1.1 405"), "{head}");
    }
}
