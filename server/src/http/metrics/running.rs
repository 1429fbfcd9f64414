//! What the running process tells of itself, its networks and its disk, for Prometheus. Pure.

use super::text::{family, gauge};

/// The process, since it started.
#[derive(Clone, Debug, Default)]
pub struct Running {
    /// Seconds since 1970, as all times here.
    pub started: i64,
    pub certificate_ends: i64,
    pub authority_ends: i64,
    /// When `metald backup` last ended well; 0 for never.
    pub backup: i64,
    pub images: i64,
    pub images_broken: i64,
    pub wires: Vec<WireSeen>,
    pub responses: Vec<(&'static str, u64)>,
    /// (door, outcome, number).
    pub guesses: Vec<(&'static str, &'static str, u64)>,
    /// (receiver, attempts since the last success).
    pub webhooks: Vec<(String, u64)>,
    /// Milliseconds by which the latest reading of a BMC since the last scrape began too late.
    pub bmc_late: u64,
    pub host: HostSeen,
}

/// What the kernel says of the process and of the disk below its state. What it does not say is left out.
#[derive(Clone, Debug, Default)]
pub struct HostSeen {
    pub resident_bytes: Option<u64>,
    pub open_fds: Option<u64>,
    pub max_fds: Option<u64>,
    /// Bytes of the state folder's filesystem: free for us, and all.
    pub state: Option<(u64, u64)>,
}

/// One network's packets.
#[derive(Clone, Debug, Default)]
pub struct WireSeen {
    pub network: String,
    pub dhcp_received: u64,
    pub dhcp_answered: u64,
    pub dhcp_failed: u64,
    pub dhcp_dropped: u64,
    pub rivals: u64,
    /// (outcome, number).
    pub tftp: Vec<(&'static str, u64)>,
}

pub fn of_process(text: &mut String, seen: &Running) {
    let HostSeen { resident_bytes, open_fds, max_fds, state } = seen.host;
    let one = |value: Option<u64>| value.map(|value| (vec![], number(value)));
    gauge(text, "process_start_time_seconds", "When the server started.", [(vec![], seen.started)]);
    gauge(text, "process_resident_memory_bytes", "What it holds in memory.", one(resident_bytes));
    gauge(text, "process_open_fds", "Files and sockets that it has open.", one(open_fds));
    gauge(text, "process_max_fds", "How many it may have open.", one(max_fds));
    let help = "Bytes that the state folder's filesystem has left.";
    gauge(text, "metald_state_free_bytes", help, one(state.map(|(free, _)| free)));
    let help = "Bytes of the state folder's filesystem.";
    gauge(text, "metald_state_size_bytes", help, one(state.map(|(_, size)| size)));
    let help = "When `metald backup` last ended well; 0 for never.";
    gauge(text, "metald_backup_timestamp_seconds", help, [(vec![], seen.backup)]);
    let help = "When the certificate of the HTTPS port ends; each start makes a new one.";
    gauge(
        text,
        "metald_server_certificate_expiry_timestamp_seconds",
        help,
        [(vec![], seen.certificate_ends)],
    );
    let help = "When the site's authority ends.";
    gauge(text, "metald_authority_expiry_timestamp_seconds", help, [(vec![], seen.authority_ends)]);
    gauge(text, "metald_images", "Images that are served.", [(vec![], seen.images)]);
    let help = "Folders in the images folder that are left out, as `metald check` says.";
    gauge(text, "metald_images_broken", help, [(vec![], seen.images_broken)]);
    let failures =
        seen.webhooks.iter().map(|(name, count)| (vec![("webhook", name.as_str())], number(*count)));
    let help = "Attempts to tell a receiver since it last took something.";
    gauge(text, "metald_webhook_failures", help, failures);
    let help = "Seconds by which a reading of a BMC began too late, the worst since the last scrape.";
    gauge(text, "metald_bmc_poll_late_seconds", help, [(vec![], number(seen.bmc_late))]);
    let responses = seen.responses.iter().map(|(code, count)| (vec![("code", *code)], number(*count)));
    let help = "Answers over HTTP and HTTPS by the class of their status.";
    family(text, ("metald_http_responses_total", "counter"), help, responses);
    let guesses = seen
        .guesses
        .iter()
        .map(|(door, outcome, count)| (vec![("door", *door), ("outcome", *outcome)], number(*count)));
    let help = "Wrong tokens and boot keys, and tries that an address had to wait with.";
    family(text, ("metald_guesses_total", "counter"), help, guesses);
}

pub fn of_wires(text: &mut String, wires: &[WireSeen]) {
    let of = |pick: fn(&WireSeen) -> u64| {
        wires.iter().map(move |wire| (vec![("network", wire.network.as_str())], number(pick(wire))))
    };
    let counter = "counter";
    let help = "DHCP requests that arrived.";
    family(text, ("metald_dhcp_received_total", counter), help, of(|wire| wire.dhcp_received));
    let help = "DHCP replies that were sent.";
    family(text, ("metald_dhcp_answered_total", counter), help, of(|wire| wire.dhcp_answered));
    let help = "DHCP requests that an error of the server left without an answer.";
    family(text, ("metald_dhcp_failed_total", counter), help, of(|wire| wire.dhcp_failed));
    let help = "DHCP requests that were dropped: too many at once, or malformed.";
    family(text, ("metald_dhcp_dropped_total", counter), help, of(|wire| wire.dhcp_dropped));
    let help = "Other DHCP servers whose offers clients took.";
    gauge(text, "metald_dhcp_rival_servers", help, of(|wire| wire.rivals));
    let transfers = wires.iter().flat_map(|wire| {
        wire.tftp.iter().map(|(outcome, count)| {
            (vec![("network", wire.network.as_str()), ("outcome", *outcome)], number(*count))
        })
    });
    family(text, ("metald_tftp_transfers_total", counter), "TFTP requests by how they ended.", transfers);
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
