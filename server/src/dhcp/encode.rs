//! `Reply` → bytes: which field or option carries what, in an order of importance that decides
//! what is left out when the client's buffer is small.

use dhcproto::v4::{DhcpOption, Flags, Message, MessageType, Opcode, OptionCode, UnknownOption};
use dhcproto::{Encodable, Encoder};
use std::net::Ipv4Addr;

use super::packet::{Boot, BootHint, Reply, Say};

/// A BOOTP client, which some ROMs still are at heart, takes nothing shorter (RFC 1542 §2.1).
const SHORTEST: usize = 300;
/// The client counts the IP and UDP headers into the size it names.
const IP_UDP: usize = 28;

pub fn encode(reply: &Reply) -> Result<Vec<u8>, dhcproto::error::EncodeError> {
    let mut message = header(reply);
    for option in essential(reply) {
        message.opts_mut().insert(option);
    }
    let mut bytes = write(&message)?;
    let echoed = reply.relay_info.as_ref().map_or(0, |raw| raw.len() + 2);
    for option in comforts(reply) {
        message.opts_mut().insert(option);
        let longer = write(&message)?;
        if longer.len() + echoed + IP_UDP > usize::from(reply.max_size) {
            break;
        }
        bytes = longer;
    }
    if let Some(relay_info) = &reply.relay_info {
        echo_last(&mut bytes, relay_info);
    }
    if bytes.len() < SHORTEST {
        bytes.resize(SHORTEST, 0);
    }
    Ok(bytes)
}

fn write(message: &Message) -> Result<Vec<u8>, dhcproto::error::EncodeError> {
    let mut bytes = Vec::with_capacity(512);
    message.encode(&mut Encoder::new(&mut bytes))?;
    Ok(bytes)
}

/// The relay gets its option back byte for byte and as the last one (RFC 3046 §2.2), so the
/// codec, which would parse it and sort it in, does not touch it.
fn echo_last(bytes: &mut Vec<u8>, relay_info: &[u8]) {
    let end = bytes.pop();
    for fragment in relay_info.chunks(255) {
        bytes.push(82);
        bytes.push(fragment.len() as u8);
        bytes.extend_from_slice(fragment);
    }
    bytes.extend(end);
}

fn header(reply: &Reply) -> Message {
    let mut message = Message::default();
    let flags = if reply.broadcast { Flags::default().set_broadcast() } else { Flags::default() };
    message
        .set_opcode(Opcode::BootReply)
        .set_xid(reply.xid)
        .set_flags(flags)
        .set_ciaddr(reply.client_addr.unwrap_or(Ipv4Addr::UNSPECIFIED))
        .set_yiaddr(reply.your_addr.unwrap_or(Ipv4Addr::UNSPECIFIED))
        .set_giaddr(reply.relay.unwrap_or(Ipv4Addr::UNSPECIFIED))
        .set_chaddr(&reply.mac.0);
    if let Some(boot) = &reply.boot {
        // PXE fetches by TFTP from `siaddr`, whoever sent the offer.
        message.set_siaddr(reply.server);
        // Old ROMs read only the header's field, UEFI prefers the option: both say the same. What
        // does not fit is a URL, and who understands one reads the option.
        if boot.file.len() < 128 {
            message.set_fname_str(&boot.file);
        }
    }
    message
}

fn essential(reply: &Reply) -> Vec<DhcpOption> {
    let mut options = vec![
        DhcpOption::MessageType(match reply.say {
            Say::Offer => MessageType::Offer,
            Say::Ack => MessageType::Ack,
            Say::Nak => MessageType::Nak,
        }),
        DhcpOption::ServerIdentifier(reply.server),
    ];
    options.extend(reply.client_id.clone().map(DhcpOption::ClientIdentifier));
    options.extend(reply.uuid_raw.clone().map(DhcpOption::ClientMachineIdentifier));
    options.extend(reply.message.map(|text| DhcpOption::Message(text.into())));
    if let Some(seconds) = reply.lease_s {
        options.push(DhcpOption::AddressLeaseTime(seconds));
        options.push(DhcpOption::Renewal(seconds / 2));
        options.push(DhcpOption::Rebinding(seconds / 8 * 7));
    }
    if let Some(network) = &reply.network {
        options.push(DhcpOption::SubnetMask(network.mask));
        options.extend(network.router.map(|router| DhcpOption::Router(vec![router])));
    }
    options.extend(reply.boot.iter().flat_map(boot_options));
    options
}

/// Sent whether asked for or not: GRUB's DISCOVER asks for nothing and means everything.
fn comforts(reply: &Reply) -> Vec<DhcpOption> {
    let mut options = Vec::new();
    if let Some(network) = &reply.network {
        options.push(DhcpOption::BroadcastAddr(network.broadcast));
        if !network.dns.is_empty() {
            options.push(DhcpOption::DomainNameServer(network.dns.clone()));
        }
        if !network.ntp.is_empty() {
            options.push(DhcpOption::NtpServers(network.ntp.clone()));
        }
    }
    options.extend(reply.hostname.clone().map(DhcpOption::Hostname));
    let domain = reply.network.as_ref().and_then(|network| network.domain.clone());
    options.extend(domain.map(DhcpOption::DomainName));
    options
}

fn boot_options(boot: &Boot) -> Vec<DhcpOption> {
    // EDK2 writes a NUL over the byte *after* an unterminated name, which is the next option.
    let mut file = boot.file.clone().into_bytes();
    file.push(0);
    let mut options = vec![DhcpOption::BootfileName(file)];
    options.extend(boot.class.map(|class| DhcpOption::ClassIdentifier(class.into())));
    options.extend(boot.hint.map(|hint| match hint {
        // PXE 2.1 §2.2.3: PXE_DISCOVERY_CONTROL, bit 3 "boot the file named in this packet".
        BootHint::NoDiscovery => DhcpOption::VendorExtensions(vec![6, 1, 8, 255]),
        // iPXE's "no-pxedhcp" inside its encapsulated options.
        BootHint::NoProxy => {
            DhcpOption::Unknown(UnknownOption::new(OptionCode::from(175), vec![176, 1, 1, 255]))
        }
    }));
    options
}

#[cfg(test)]
mod tests {
    use super::super::answer::tests::{CLIENT, discover, subnet};
    use super::super::answer::{Answer, answer};
    use super::*;

    fn offer(max_size: u16) -> Vec<u8> {
        let request = super::super::packet::Request {
            max_size,
            class: Some("HTTPClient:Arch:00016:UNDI:003000".into()),
            arch: Some(16),
            client_id: Some(vec![7; 30]),
            relay_info: Some(vec![9; 60]),
            relay: Some(Ipv4Addr::new(10, 77, 0, 2)),
            ..discover()
        };
        let mut subnet = subnet();
        subnet.dns = vec![Ipv4Addr::new(10, 77, 0, 1); 20];
        subnet.domain = Some("a-rather-long-name.of-a-rack.in-a-hall.example".into());
        match answer(&request, &CLIENT, &subnet) {
            Answer::Send(reply) => encode(&reply).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn comforts_give_way_when_the_client_has_a_small_buffer() {
        let small = offer(576);
        assert!(small.len() + IP_UDP <= 576, "{}", small.len());
        assert!(small.windows(10).any(|w| w == b"HTTPClient"));
        assert!(offer(1500).len() > small.len());
    }

    #[test]
    fn relay_information_comes_back_last() {
        let bytes = offer(1500);
        let mut expected = vec![82, 60];
        expected.extend([9; 60]);
        expected.push(255);
        assert!(bytes.ends_with(&expected));
    }
}
