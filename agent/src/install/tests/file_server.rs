//! An HTTP server of one file that drops connections, lies and forgets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// How the server treats each connection, in order; the last one for all further ones.
#[derive(Clone, Copy)]
pub enum Manner {
    /// The bytes that are asked for.
    Serve,
    /// So many of them, then the connection drops.
    Drop(usize),
    /// The whole file with 200, whatever was asked.
    IgnoreRange,
    /// 503.
    Busy,
    /// One byte is another.
    Corrupt,
}

pub struct FileServer {
    pub url: String,
    /// The Range header of each request.
    pub asked: Arc<Mutex<Vec<String>>>,
}

pub fn serve(body: Vec<u8>, manners: Vec<Manner>) -> FileServer {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let manner = manners[number.min(manners.len() - 1)];
            // A client that hangs up first is part of some tests.
            let _ = answer(stream.unwrap(), &body, manner, &seen);
        }
    });
    FileServer { url, asked }
}

fn answer(
    mut stream: TcpStream,
    body: &[u8],
    manner: Manner,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let range = head.lines().find_map(|l| l.strip_prefix("range: ")).unwrap_or_default().to_string();
    asked.lock().unwrap().push(range.clone());
    let from: usize = range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap_or(0);
    let mut part = body[from..].to_vec();
    let mut line = if range.is_empty() { "200 OK" } else { "206 Partial Content" };
    let mut send = part.len();
    match manner {
        Manner::Serve => {}
        Manner::Drop(bytes) => send = bytes.min(send),
        Manner::IgnoreRange => (line, part, send) = ("200 OK", body.to_vec(), body.len()),
        Manner::Busy => (line, part, send) = ("503 Busy", vec![], 0),
        Manner::Corrupt => part[0] ^= 1,
    }
    write!(
        stream,
        "HTTP/1.1 {line}\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{}\r\nConnection: close\r\n\r\n",
        part.len(),
        body.len() - 1,
        body.len()
    )?;
    stream.write_all(&part[..send])
}
