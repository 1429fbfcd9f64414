//! One request and its answer (IPMI 2.0 rev. 1.1, 13.8), and the codes by which a BMC says how it went (table 5-2).

/// The BMC's address on its own bus.
pub const BMC_ADDRESS: u8 = 0x20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Network function, even for requests (5.1).
    pub function: u8,
    pub command: u8,
    pub data: Vec<u8>,
    /// What the answer repeats: who asked, and which request this was.
    asker: u8,
    sequence: u8,
    lun: u8,
}

pub mod function {
    pub const CHASSIS: u8 = 0x00;
    pub const SENSOR: u8 = 0x04;
    pub const APPLICATION: u8 = 0x06;
    pub const STORAGE: u8 = 0x0a;
    pub const TRANSPORT: u8 = 0x0c;
    /// With a body's number as the first byte: 0xdc is DCMI's.
    pub const GROUP: u8 = 0x2c;
}

/// A completion code other than 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(pub u8);

impl Code {
    pub const BUSY: Code = Code(0xc0);
    pub const INVALID_COMMAND: Code = Code(0xc1);
    pub const INVALID_RESERVATION: Code = Code(0xc5);
    pub const WRONG_LENGTH: Code = Code(0xc7);
    pub const OUT_OF_RANGE: Code = Code(0xc9);
    pub const TOO_MUCH_AT_ONCE: Code = Code(0xca);
    pub const NOT_PRESENT: Code = Code(0xcb);
    pub const INVALID_FIELD: Code = Code(0xcc);
    pub const PRIVILEGE: Code = Code(0xd4);
    pub const NOT_NOW: Code = Code(0xd5);
    pub const UNSPECIFIED: Code = Code(0xff);
}

/// None where the checksums are wrong or it is no request to a BMC.
pub fn decode(bytes: &[u8]) -> Option<Request> {
    let [to, function, first, asker, sequence, command, data @ .., _] = bytes else { return None };
    let whole = sum(&[*to, *function, *first]) == 0 && sum(&bytes[3..]) == 0;
    let request = function >> 2 & 1 == 0 && *to == BMC_ADDRESS;
    (whole && request).then(|| Request {
        function: function >> 2,
        command: *command,
        data: data.to_vec(),
        asker: *asker,
        sequence: *sequence,
        lun: function & 3,
    })
}

/// The answer with its data, or with a code instead.
pub fn answer(request: &Request, outcome: Result<&[u8], Code>) -> Vec<u8> {
    let (code, data) = match outcome {
        Ok(data) => (0, data),
        Err(Code(code)) => (code, &[][..]),
    };
    let mut out = vec![request.asker, (request.function | 1) << 2 | request.sequence & 3];
    out.push(checksum(&out));
    out.extend([BMC_ADDRESS, request.sequence & 0xfc | request.lun, request.command, code]);
    out.extend(data);
    out.push(checksum(&out[3..]));
    out
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))
}

/// What makes the sum of all bytes 0; inventory data ends in it, too.
pub fn checksum(bytes: &[u8]) -> u8 {
    sum(bytes).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_goes_back_where_the_request_came_from() {
        let bytes = [0x20, 0x18, 0xc8, 0x81, 0x04, 0x01, 0x7a];
        let request = decode(&bytes).unwrap();
        assert_eq!((request.function, request.command), (function::APPLICATION, 1));
        assert_eq!(answer(&request, Ok(&[5])), [0x81, 0x1c, 0x63, 0x20, 0x04, 0x01, 0, 5, 0xd6]);
        assert_eq!(answer(&request, Err(Code::BUSY))[6..8], [0xc0, 0x1b]);
        for byte in 0..bytes.len() {
            let mut bent = bytes;
            bent[byte] ^= 0x10;
            assert_eq!(decode(&bent), None, "byte {byte}");
            assert_eq!(decode(&bytes[..byte]), None);
        }
    }
}
