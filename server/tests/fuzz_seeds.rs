//! The fuzz targets on any compiler: each over its seeds in `fuzz/seeds`, and over seeds that were bent in the same ways each
//! time. `UPDATE_GOLDEN=1` makes the seeds anew from the fixtures.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use server::fuzz::{TARGETS, Target};

/// Of each seed.
const BENT: u64 = 60;
const LONGEST: usize = 64 << 10;

#[test]
fn seeds_are_what_the_fixtures_say() {
    let mut made = dhcp();
    made.extend(packets());
    made.extend(documents());
    made.extend(transfers());
    for ((target, name), bytes) in made {
        let path = root().join("fuzz/seeds").join(target).join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &bytes).unwrap();
        }
        let kept = fs::read(&path).unwrap_or_default();
        assert!(kept == bytes, "{} differs: UPDATE_GOLDEN=1 makes it anew", path.display());
    }
}

#[test]
fn every_target_stands_its_seeds_and_bent_ones() {
    for (name, target) in TARGETS {
        let mut seeds = files(&root().join("fuzz/seeds").join(name));
        assert!(!seeds.is_empty(), "{name} has no seeds: UPDATE_GOLDEN=1 makes them");
        if name == "redfish_json" {
            let trees = files(&root().join("tests/data/redfish"));
            seeds.extend(trees.into_iter().filter(|(path, _)| path.ends_with("tree.json")));
        }
        let others: Vec<Vec<u8>> = seeds.values().cloned().collect();
        for (path, seed) in &seeds {
            stands(name, target, path, seed);
            // A whole tree takes long, and a bent byte in it says little that a bent document does not.
            let bent = if seed.len() > 8192 { BENT / 20 } else { BENT };
            for number in 0..bent {
                let mut dice = Dice(number + 1 + seed.len() as u64 * 1000);
                stands(name, target, &path.join(number.to_string()), &dice.bend(seed, &others));
            }
        }
    }
}

#[test]
fn what_cargo_fuzz_runs_is_what_is_tested_here() {
    let manifest: toml::Table = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap().parse().unwrap();
    let bins = manifest["bin"].as_array().unwrap();
    let bins: Vec<&str> = bins.iter().map(|bin| bin["name"].as_str().unwrap()).collect();
    assert_eq!(bins, TARGETS.map(|(name, _)| name));
    for name in bins {
        let text = fs::read_to_string(root().join(format!("fuzz/targets/{name}.rs"))).unwrap();
        assert!(text.contains(&format!("server::fuzz::run(\"{name}\", bytes)")), "{name}: {text}");
    }
}

fn stands(name: &str, target: Target, from: &Path, bytes: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| target(bytes))).is_err() {
        panic!("{name} falls over {}, which is {}", from.display(), hex::encode(bytes));
    }
}

/// SplitMix64: the same bends each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from(mixed >> 33).unwrap() % end.max(1)
    }

    /// One to four things that happen to bytes on their way.
    fn bend(&mut self, seed: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = (at + 1 + self.below(16)).min(bytes.len());
            match self.below(7) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 if at < bytes.len() => {
                    bytes[at] = [0, 1, 0x7f, 0x80, 0xfe, 0xff, b'"', b'{'][self.below(8)];
                }
                2 => bytes.truncate(at),
                3 if at < end => drop(bytes.drain(at..end)),
                4 if at < end => {
                    let twice = bytes[at..end].to_vec();
                    bytes.splice(at..at, twice);
                }
                5 => {
                    let other = &others[self.below(others.len())];
                    let from = self.below(other.len() + 1);
                    bytes.truncate(at);
                    bytes.extend(&other[from..]);
                }
                _ => bytes.insert(at, self.below(256) as u8),
            }
        }
        bytes.truncate(LONGEST);
        bytes
    }
}

type Seeds = BTreeMap<(&'static str, String), Vec<u8>>;

/// What firmware really sent.
fn dhcp() -> Seeds {
    let files = files(&root().join("tests/data/dhcp"));
    let requests = files.iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "hex"));
    let seeds = requests.map(|(path, text)| {
        let hex: String =
            String::from_utf8_lossy(text).lines().filter(|line| !line.starts_with('#')).collect();
        let hex: String = hex.chars().filter(|c| !c.is_whitespace()).collect();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (("dhcp_packet", name), hex::decode(hex).unwrap())
    });
    seeds.collect()
}

/// What BMCs said to ipmitool, and it to them.
fn packets() -> Seeds {
    let mut seeds = Seeds::new();
    for (path, text) in files(&root().join("tests/data/ipmi")) {
        let text = String::from_utf8(text).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let packets = text.lines().filter_map(|line| line.strip_prefix("< "));
        seeds.extend((1..).zip(packets).map(|(number, packet)| {
            (("ipmi_packet", format!("{name}-{number:02}")), hex::decode(packet).unwrap())
        }));
    }
    seeds
}

/// Of each vendor the documents that most is read from, and what any of them may answer to a request.
fn documents() -> Seeds {
    let mut seeds = Seeds::new();
    for vendor in ["ami", "dell", "hpe", "lenovo", "supermicro"] {
        let tree = root().join("tests/data/redfish").join(vendor).join("tree.json");
        let tree: BTreeMap<String, Value> = serde_json::from_slice(&fs::read(tree).unwrap()).unwrap();
        for kind in ["ComputerSystem", "Manager", "Chassis"] {
            let of_kind = |document: &&Value| {
                let named = document["@odata.type"].as_str().unwrap_or_default();
                named.starts_with(&format!("#{kind}."))
            };
            let document = tree.values().find(of_kind).unwrap_or_else(|| panic!("{vendor} has no {kind}"));
            seeds.insert(("redfish_json", format!("{vendor}-{kind}")), document.to_string().into_bytes());
        }
    }
    let message = json!({"MessageId": "Base.1.8.SessionLimitExceeded", "Message": "The limit is exceeded."});
    let error = json!({"error": {"code": "Base.1.8.GeneralError", "message": "See ExtendedInfo.", "@Message.ExtendedInfo": [message]}});
    let task = json!({"@odata.id": "/redfish/v1/TaskService/Tasks/1", "TaskState": "Running", "PercentComplete": 40,
        "Messages": [{"Message": "Writing."}], "TaskMonitor": "/redfish/v1/TaskService/TaskMonitors/1"});
    for (name, document) in [("error", error), ("task", task)] {
        seeds.insert(("redfish_json", name.into()), document.to_string().into_bytes());
    }
    seeds
}

/// A loader as UEFI fetches it, and as a BIOS ROM does.
fn transfers() -> Seeds {
    let opening = |options: &[u8]| [b"\0\x01snponly.efi\0octet\0", options].concat();
    let acks = |blocks: u16| (0..=blocks).map(|block| [&[0, 4][..], &block.to_be_bytes()].concat());
    let talk = |options: &[u8], blocks: u16, end: &[u8]| {
        let said = std::iter::once(opening(options)).chain(acks(blocks)).chain([Vec::new(), end.to_vec()]);
        said.flat_map(|piece| [&[piece.len() as u8], &piece[..]].concat()).collect::<Vec<u8>>()
    };
    let seed = |name: &str, bytes| (("tftp_packet", name.to_string()), bytes);
    Seeds::from([
        seed("uefi-window", talk(b"tsize\x000\0blksize\x001468\0windowsize\x004\0", 3, b"")),
        seed("uefi-size", talk(b"tsize\x000\0", 0, b"\0\x05\0\x08User aborted the transfer\0")),
        seed("bios", talk(b"", 6, b"")),
    ])
}

/// Below a folder, with what is in them.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => drop(found.insert(entry.path(), fs::read(entry.path()).unwrap())),
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}
