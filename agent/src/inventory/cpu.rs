//! Sockets from /proc/cpuinfo. Pure.

use std::collections::BTreeMap;

use api::facts::Cpu;

use crate::sysfs::clean;

/// One block of lines a thread. Machines that name no socket have one.
pub fn parse(cpuinfo: &str) -> Vec<Cpu> {
    let mut sockets: BTreeMap<String, (String, u32, u32)> = BTreeMap::new();
    for block in cpuinfo.split("\n\n").filter(|b| b.contains("processor")) {
        let value = |key: &str| {
            block
                .lines()
                .filter_map(|l| l.split_once(':'))
                .find(|(k, _)| k.trim() == key)
                .map(|(_, v)| v.trim())
        };
        let socket = sockets.entry(value("physical id").unwrap_or("0").into()).or_default();
        socket.0 = clean(value("model name").unwrap_or_default().as_bytes());
        socket.1 = value("cpu cores").and_then(|v| v.parse().ok()).unwrap_or(0);
        socket.2 += 1;
    }
    sockets
        .into_values()
        .map(|(model, cores, threads)| Cpu {
            model,
            cores: if cores == 0 { threads } else { cores },
            threads,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_counted_by_socket() {
        let thread = |socket: &str| {
            format!(
                "processor\t: 0\nmodel name\t: Xeon(R)   Gold\nphysical id\t: {socket}\ncpu cores\t: 2\n\n"
            )
        };
        let text = ["0", "1", "0", "1", "0", "1", "0", "1"].map(thread).concat();
        let cpu = Cpu { model: "Xeon(R) Gold".into(), cores: 2, threads: 4 };
        assert_eq!(parse(&text), [cpu.clone(), cpu]);
    }

    #[test]
    fn sparse_or_no_text() {
        let one = parse("processor : 0\n\nprocessor : 1\n");
        assert_eq!(one, [Cpu { model: String::new(), cores: 2, threads: 2 }]);
        assert!(parse("").is_empty());
        assert!(parse("\u{fffd}:::\n\n::").is_empty());
    }
}
