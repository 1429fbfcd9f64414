//! Golden packets: every captured or hand-built request in `tests/data/dhcp` with our whole reply as
//! text beside it. `UPDATE_GOLDEN=1` rewrites the replies; read the difference before you commit it.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use server::dhcp::answer::{Answer, Client, Subnet, answer};
use server::dhcp::decode::decode;
use server::dhcp::encode::encode;
use server::dhcp::firmware::firmware;
use server::dhcp::packet::Reply;

#[test]
fn every_request_gets_its_golden_reply() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut stale = Vec::new();
    for path in requests() {
        let golden = path.with_extension("reply.txt");
        let ours = exchange(&path);
        if update {
            fs::write(&golden, ours).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != ours {
            stale.push(format!("{}:\n{ours}", golden.display()));
        }
    }
    assert!(stale.is_empty(), "replies differ from their golden text:\n{}", stale.join("\n"));
}

/// What a capture holds is also what a damaged packet is made of.
#[test]
fn damaged_captures_never_panic() {
    for path in requests() {
        let bytes = request_bytes(&path);
        for cut in 0..bytes.len() {
            let _ = decode(&bytes[..cut]);
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 52, 127, 128, 254, 255] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                if let Ok(request) = decode(&damaged) {
                    let client = Client { netboots: true, ..Client::default() };
                    answer(&request, &client, &subnet());
                }
            }
        }
    }
}

fn exchange(path: &Path) -> String {
    let request = decode(&request_bytes(path)).unwrap();
    let known = request.requested.or(request.client_addr).filter(|a| subnet().contains(*a));
    let client = Client {
        address: Some(known.unwrap_or(Ipv4Addr::new(10, 77, 0, 199))),
        netboots: true,
        hostname: Some("node07".into()),
        loader: None,
    };
    let mut text = format!("{} from {}: {}\n", request.ask, request.mac, firmware(&request));
    match answer(&request, &client, &subnet()) {
        Answer::Send(reply) => describe(&mut text, "at once", &reply),
        Answer::Lease(reply) => describe(&mut text, "after the lease is durable", &reply),
        other => writeln!(text, "{other:?}").unwrap(),
    }
    text
}

fn subnet() -> Subnet {
    Subnet {
        server: Ipv4Addr::new(10, 77, 0, 1),
        prefix: 24,
        router: Some(Ipv4Addr::new(10, 77, 0, 254)),
        dns: vec![Ipv4Addr::new(10, 77, 0, 1), Ipv4Addr::new(10, 77, 0, 2)],
        ntp: vec![Ipv4Addr::new(10, 77, 0, 1)],
        domain: Some("rack.example".into()),
        lease_s: 3600,
        http: "http://10.77.0.1:8080".into(),
        bios_loader: "undionly.kpxe".into(),
        uefi_loader: "snponly.efi".into(),
        uefi_loader_path: "/boot/loader/snponly.efi".into(),
    }
}

/// Reads the bytes anew, by nothing that `encode` uses.
fn describe(text: &mut String, when: &str, reply: &Reply) {
    let bytes = encode(reply).unwrap();
    writeln!(text, "{} {when} to {}", reply.say, reply.destination).unwrap();
    let address = |at: usize| Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
    writeln!(text, "  length   {}", bytes.len()).unwrap();
    writeln!(text, "  header   {}", hex::encode(&bytes[0..4])).unwrap();
    writeln!(text, "  xid      {}", hex::encode(&bytes[4..8])).unwrap();
    writeln!(text, "  secs     {}", hex::encode(&bytes[8..10])).unwrap();
    writeln!(text, "  flags    {}", hex::encode(&bytes[10..12])).unwrap();
    for (name, at) in [("ciaddr", 12), ("yiaddr", 16), ("siaddr", 20), ("giaddr", 24)] {
        writeln!(text, "  {name}   {}", address(at)).unwrap();
    }
    writeln!(text, "  chaddr   {}", hex::encode(&bytes[28..44])).unwrap();
    writeln!(text, "  sname    {:?}", ascii(&bytes[44..108])).unwrap();
    writeln!(text, "  file     {:?}", ascii(&bytes[108..236])).unwrap();
    assert_eq!(bytes[236..240], [99, 130, 83, 99]);
    let mut at = 240;
    while bytes[at] != 255 {
        let body = &bytes[at + 2..at + 2 + usize::from(bytes[at + 1])];
        writeln!(text, "  {:<3} {:<16} {}", bytes[at], name(bytes[at]), value(bytes[at], body)).unwrap();
        at += 2 + body.len();
    }
    assert!(bytes[at + 1..].iter().all(|b| *b == 0), "nothing but padding after the end");
}

fn name(option: u8) -> &'static str {
    match option {
        1 => "subnet mask",
        3 => "router",
        6 => "dns",
        12 => "hostname",
        15 => "domain",
        28 => "broadcast",
        42 => "ntp",
        43 => "vendor (PXE)",
        51 => "lease s",
        53 => "message type",
        54 => "server id",
        56 => "message",
        58 => "renewal s",
        59 => "rebinding s",
        60 => "class",
        61 => "client id",
        67 => "boot file",
        82 => "relay agent",
        97 => "uuid",
        175 => "ipxe",
        _ => "?",
    }
}

fn value(option: u8, body: &[u8]) -> String {
    match option {
        1 | 3 | 6 | 28 | 42 | 54 => body.chunks(4).map(dotted).collect::<Vec<_>>().join(" "),
        51 | 58 | 59 => u32::from_be_bytes(body.try_into().unwrap()).to_string(),
        12 | 15 | 56 | 60 | 67 => format!("{:?}", String::from_utf8_lossy(body)),
        _ => hex::encode(body),
    }
}

fn dotted(octets: &[u8]) -> String {
    octets.iter().map(u8::to_string).collect::<Vec<_>>().join(".")
}

fn ascii(field: &[u8]) -> String {
    String::from_utf8_lossy(field).trim_end_matches('\0').into()
}

fn requests() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/dhcp");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "hex"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 26, "the captured requests are all there");
    paths
}

fn request_bytes(path: &Path) -> Vec<u8> {
    let text: String = fs::read_to_string(path).unwrap().split_whitespace().collect();
    hex::decode(text).unwrap()
}
