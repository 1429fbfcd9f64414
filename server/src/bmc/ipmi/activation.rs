//! Whether serial-over-LAN may begin, and how long its packets may be (IPMI 2.0, 24.1 to 24.3). Pure.

use api::bmc::Fault;

use super::dialogue::word;
use super::failure::{refusal, short};
use super::message::{Function, Request, Response, request};
use super::sol::HEADER;

const PAYLOAD: u8 = 1;
const INSTANCE: u8 = 1;

/// Activate Payload (24.1): encrypted and authenticated, alerts of the serial port deferred.
pub fn activate() -> Request {
    request(Function::App, 0x48, &[PAYLOAD, INSTANCE, 0xc0, 0, 0, 0])
}

pub fn deactivate() -> Request {
    request(Function::App, 0x49, &[PAYLOAD, INSTANCE, 0, 0, 0, 0])
}

#[derive(Debug, PartialEq, Eq)]
pub enum Activated {
    /// The longest payload that the BMC takes, its header included.
    Yes { longest: usize },
    /// Somebody else has the console.
    Taken,
    /// It wants another UDP port for it, which no BMC does that is on the market.
    No(Fault),
}

pub fn activated(response: &Response, our_port: u16) -> Activated {
    const NAME: &str = "Activate Payload";
    let text = match response.completion {
        0 => {
            let data = &response.data;
            let port = if data.len() >= 10 { word(data, 8) } else { our_port };
            return match data.len() {
                0..8 => Activated::No(short(NAME)),
                // 0 and its bytes the wrong way round are seen, and mean this port.
                _ if ![our_port, our_port.swap_bytes(), 623, 623u16.swap_bytes(), 0].contains(&port) => {
                    Activated::No(Fault::Unsupported(format!("its console is on UDP port {port} of its own")))
                }
                _ => Activated::Yes { longest: usize::from(word(data, 4)).clamp(HEADER + 1, 260) },
            };
        }
        0x80 => return Activated::Taken,
        0x81 => "serial-over-LAN is disabled: enable it in the BMC, and redirection to COM in the firmware",
        0x82 => "it opens no more consoles",
        0x83 => "it does no encrypted console",
        code => return Activated::No(refusal(NAME, code)),
    };
    Activated::No(Fault::Unsupported(format!("{text} ({:#04x})", response.completion)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_activation() {
        let answer = |completion, data: &[u8]| {
            activated(
                &Response { function: 6, command: 0x48, sequence: 1, completion, data: data.into() },
                9000,
            )
        };
        let data = [0, 0, 0, 0, 200, 0, 190, 0, 0x6f, 0x02, 0xff, 0xff];
        assert_eq!(answer(0, &data), Activated::Yes { longest: 200 });
        assert_eq!(answer(0, &data[..8]), Activated::Yes { longest: 200 });
        assert_eq!(answer(0x80, &[]), Activated::Taken);
        for (completion, data) in
            [(0, &data[..7]), (0x81, &[]), (0xc1, &[]), (0, &[0, 0, 0, 0, 9, 0, 9, 0, 1, 1])]
        {
            assert!(matches!(answer(completion, data), Activated::No(_)), "{completion}");
        }
    }
}
