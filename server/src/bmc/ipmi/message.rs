//! IPMI messages (IPMI 2.0, 13.8): a request with its network function and command, and the answer with its
//! completion code. Pure.

use super::packet::Malformed;

/// Addresses of the BMC and of remote console software, in 8 bits (5.5, 13.8).
const BMC: u8 = 0x20;
const CONSOLE: u8 = 0x81;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub function: Function,
    pub command: u8,
    /// Of the sensor's owner, nearly always 0.
    pub lun: u8,
    pub data: Vec<u8>,
}

/// Network functions (table 5-1), each with its own numbers of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Chassis = 0x00,
    Sensor = 0x04,
    App = 0x06,
    Storage = 0x0a,
    Transport = 0x0c,
    /// Of other bodies' commands, by the first byte of their data.
    Group = 0x2c,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The network function of the request.
    pub function: u8,
    pub command: u8,
    /// That of the request, 0 to 63.
    pub sequence: u8,
    /// 0 is done, anything else is why not (table 5-2).
    pub completion: u8,
    pub data: Vec<u8>,
}

pub fn request(function: Function, command: u8, data: &[u8]) -> Request {
    Request { function, command, lun: 0, data: data.to_vec() }
}

impl Request {
    pub fn encode(&self, sequence: u8) -> Vec<u8> {
        let mut out = vec![BMC, (self.function as u8) << 2 | self.lun & 3];
        out.push(checksum(&out));
        out.extend([CONSOLE, sequence << 2, self.command]);
        out.extend(&self.data);
        out.push(checksum(&out[3..]));
        out
    }

    pub fn is_answered_by(&self, response: &Response, sequence: u8) -> bool {
        (response.function, response.command, response.sequence)
            == (self.function as u8, self.command, sequence)
    }
}

impl Response {
    pub fn decode(bytes: &[u8]) -> Result<Response, Malformed> {
        let [_, function, _, _, sequence, command, completion, rest @ ..] = bytes else {
            return Err(Malformed::Short);
        };
        let Some((_, data)) = rest.split_last() else { return Err(Malformed::Short) };
        // All bytes with their own checksum sum to nothing.
        if checksum(&bytes[..3]) != 0 || checksum(&bytes[3..]) != 0 {
            return Err(Malformed::Checksum);
        }
        Ok(Response {
            function: (function >> 2) & !1,
            command: *command,
            sequence: sequence >> 2,
            completion: *completion,
            data: data.to_vec(),
        })
    }
}

pub fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg()
}

/// What a completion code says (table 5-2); codes from 0x80 to 0xbe are the command's own.
pub fn completion_text(code: u8) -> &'static str {
    match code {
        0x00 => "done",
        0xc0 => "busy",
        0xc1 => "it does not know this command",
        0xc2 => "it does not know this command at this LUN",
        0xc3 => "it ran out of time",
        0xc4 => "it has no space left",
        0xc5 => "the reservation was cancelled",
        0xc6 => "the request was cut short",
        0xc7 => "the length of the request is wrong",
        0xc8 => "the request is longer than it takes",
        0xc9 => "a parameter is out of range",
        0xca => "it cannot give so many bytes at once",
        0xcb => "there is no such sensor or record",
        0xcc => "a field of the request is invalid",
        0xcd => "this command is not for this sensor or record",
        0xce => "it could not answer",
        0xcf => "it took the request for a repeated one",
        0xd0 => "its repository of sensors is being updated",
        0xd1 => "its firmware is being updated",
        0xd2 => "it is still starting",
        0xd3 => "what the request is for does not answer it",
        0xd4 => "the user's privilege does not suffice",
        0xd5 => "not in the state that the machine is in",
        0xd6 => "part of the command is switched off",
        0x80..=0xbe => "refused, for a reason of this command's own",
        _ => "an unspecified error",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn get_channel_authentication_capabilities_as_every_console_sends_it() {
        let message = request(Function::App, 0x38, &[0x8e, 0x04]).encode(0);
        assert_eq!(hex::encode(message), "2018c88100388e04b5");
    }

    #[test]
    fn an_answer_of_a_bmc_is_taken_apart() {
        // Get Chassis Status by ipmi_sim: powered on.
        let mut bytes = vec![0x81, 0x04, 0x7b, 0x20, 0x08, 0x01, 0x00, 0x01, 0x00, 0x40];
        bytes.push(checksum(&bytes[3..]));
        let response = Response::decode(&bytes).unwrap();
        let expected =
            Response { function: 0, command: 1, sequence: 2, completion: 0, data: vec![0x01, 0x00, 0x40] };
        assert_eq!(response, expected);
        assert!(request(Function::Chassis, 1, &[]).is_answered_by(&response, 2));
        assert!(!request(Function::Chassis, 1, &[]).is_answered_by(&response, 3), "another sequence");
        for at in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[at] ^= 0x10;
            assert_eq!(Response::decode(&bent), Err(Malformed::Checksum), "byte {at}");
        }
        for length in 0..8 {
            assert!(Response::decode(&bytes[..length]).is_err(), "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Response::decode(&bytes);
        }
    }
}
