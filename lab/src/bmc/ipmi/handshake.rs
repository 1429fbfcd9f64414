//! How a session is opened (IPMI 2.0 rev. 1.1, 13.15 to 13.24): a proposal, and two challenges that are proved.

use super::settings::Level;
use super::suite::{Suite, same};

/// Status codes (table 13-15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Done = 0x00,
    NoRoom = 0x01,
    InvalidSession = 0x02,
    InvalidRole = 0x09,
    UnauthorizedRole = 0x0a,
    UnauthorizedName = 0x0d,
    InvalidProof = 0x0f,
    NoSuite = 0x11,
}

/// What the console wants of a session (13.17).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proposal {
    pub tag: u8,
    /// None: the highest that there is.
    pub level: Option<Level>,
    pub console: u32,
    pub suite: Suite,
}

/// Said in the answer that the refused message gets.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    pub status: Status,
    pub tag: u8,
    pub console: u32,
}

/// None for what is too short to be answered.
pub fn read_proposal(payload: &[u8], offered: &[Suite]) -> Option<Result<Proposal, Refused>> {
    let bytes = payload.first_chunk::<32>()?;
    let (tag, console) = (bytes[0], u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]));
    // Of each algorithm: type, two reserved, length (0: any), number.
    let fits = |suite: &Suite| {
        let wanted = bytes[8..].chunks_exact(8);
        wanted.zip(suite.algorithms()).all(|(wanted, ours)| wanted[3] == 0 || wanted[4] & 0x3f == ours)
    };
    let refused = |status| Some(Err(Refused { status, tag, console }));
    let level = bytes[1] & 0x0f;
    match offered.iter().copied().find(fits) {
        None => refused(Status::NoSuite),
        Some(_) if level != 0 && Level::of(level).is_none() => refused(Status::InvalidRole),
        Some(suite) => Some(Ok(Proposal { tag, level: Level::of(level), console, suite })),
    }
}

/// RMCP+ Open Session Response (13.18).
pub fn opened(proposal: &Proposal, session: u32) -> Vec<u8> {
    let level = proposal.level.unwrap_or(Level::Administrator) as u8;
    let mut out = vec![proposal.tag, Status::Done as u8, level, 0];
    out.extend(proposal.console.to_le_bytes());
    out.extend(session.to_le_bytes());
    for (kind, algorithm) in (0..).zip(proposal.suite.algorithms()) {
        out.extend([kind, 0, 0, 8, algorithm, 0, 0, 0]);
    }
    out
}

/// Of the Open Session Request, RAKP 1 and RAKP 3 alike: a status, and whose session it would have been.
pub fn refusal(refused: &Refused) -> Vec<u8> {
    let mut out = vec![refused.tag, refused.status as u8, 0, 0];
    out.extend(refused.console.to_le_bytes());
    out
}

/// RAKP message 1 (13.20).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rakp1 {
    pub tag: u8,
    pub session: u32,
    pub random: [u8; 16],
    /// As it was sent: it is part of what is proved.
    pub role: u8,
    pub name: Vec<u8>,
}

pub fn read_rakp1(payload: &[u8]) -> Option<Rakp1> {
    let (bytes, name) = payload.split_first_chunk::<28>()?;
    Some(Rakp1 {
        tag: bytes[0],
        session: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        random: *bytes[8..].first_chunk()?,
        role: bytes[24],
        name: name.get(..usize::from(bytes[27]))?.to_vec(),
    })
}

/// All that the proofs are made of, with the spec's names of its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    pub suite: Suite,
    /// SIDm, SIDc, Rm, Rc, GUIDc.
    pub console: u32,
    pub session: u32,
    pub rakp1: Rakp1,
    pub random: [u8; 16],
    pub guid: [u8; 16],
}

impl Challenge {
    /// RAKP message 2 (13.21).
    pub fn rakp2(&self, password: &[u8]) -> Vec<u8> {
        let [console, session] = [self.console, self.session].map(u32::to_le_bytes);
        let parts: [&[u8]; 6] =
            [&console, &session, &self.rakp1.random, &self.random, &self.guid, &self.asked()];
        let mut out = vec![self.rakp1.tag, Status::Done as u8, 0, 0];
        out.extend(console);
        out.extend(self.random);
        out.extend(self.guid);
        out.extend(self.suite.hmac(password, &parts));
        out
    }

    /// Whether RAKP message 3 (13.22) was made by somebody who knows the password.
    pub fn is_proved(&self, password: &[u8], proof: &[u8]) -> bool {
        same(&self.suite.hmac(password, &[&self.random, &self.console.to_le_bytes(), &self.asked()]), proof)
    }

    /// SIK, of the key Kg, or of the password where there is none (13.31).
    pub fn session_key(&self, key: &[u8]) -> Vec<u8> {
        self.suite.hmac(key, &[&self.rakp1.random, &self.random, &self.asked()])
    }

    /// RAKP message 4 (13.23).
    pub fn rakp4(&self, tag: u8, session_key: &[u8]) -> Vec<u8> {
        let mut out = vec![tag, Status::Done as u8, 0, 0];
        out.extend(self.console.to_le_bytes());
        let parts: [&[u8]; 3] = [&self.rakp1.random, &self.session.to_le_bytes(), &self.guid];
        out.extend(self.suite.check(session_key, &parts));
        out
    }

    /// Role, length of the name, name.
    fn asked(&self) -> Vec<u8> {
        [&[self.rakp1.role, self.rakp1.name.len() as u8], &self.rakp1.name[..]].concat()
    }
}

/// RAKP message 3 (13.22).
#[derive(Debug, PartialEq, Eq)]
pub struct Rakp3<'a> {
    pub tag: u8,
    pub status: u8,
    pub session: u32,
    pub proof: &'a [u8],
}

pub fn read_rakp3(payload: &[u8]) -> Option<Rakp3<'_>> {
    let (&[tag, status, _, _, a, b, c, d], proof) = payload.split_first_chunk::<8>()?;
    Some(Rakp3 { tag, status, session: u32::from_le_bytes([a, b, c, d]), proof })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(level: u8, algorithms: [u8; 3]) -> Vec<u8> {
        let mut out = vec![9, level, 0, 0, 1, 2, 3, 4];
        for (kind, algorithm) in (0..).zip(algorithms) {
            out.extend([kind, 0, 0, 8, algorithm, 0, 0, 0]);
        }
        out
    }

    #[test]
    fn the_suite_is_one_that_both_have() {
        let both = [Suite::Seventeen, Suite::Three];
        let suite = |bytes: &[u8], offered: &[Suite]| {
            read_proposal(bytes, offered).unwrap().map(|proposal| proposal.suite).map_err(|r| r.status)
        };
        assert_eq!(suite(&proposal(4, [1, 1, 1]), &both), Ok(Suite::Three));
        assert_eq!(suite(&proposal(4, [3, 4, 1]), &both), Ok(Suite::Seventeen));
        assert_eq!(suite(&proposal(4, [3, 4, 1]), &[Suite::Three]), Err(Status::NoSuite));
        assert_eq!(suite(&proposal(4, [1, 1, 0]), &both), Err(Status::NoSuite), "in clear");
        assert_eq!(suite(&proposal(9, [1, 1, 1]), &both), Err(Status::InvalidRole));
        let mut any = proposal(0, [0, 0, 0]);
        (any[11], any[19], any[27]) = (0, 0, 0);
        assert_eq!(suite(&any, &both), Ok(Suite::Seventeen));
        assert_eq!(read_proposal(&any[..31], &both), None);
    }

    #[test]
    fn a_proof_is_of_one_password_and_one_challenge() {
        let rakp1 = Rakp1 { tag: 0, session: 8, random: [1; 16], role: 0x14, name: b"ADMIN".to_vec() };
        let challenge = Challenge {
            suite: Suite::Seventeen,
            console: 7,
            session: 8,
            rakp1,
            random: [2; 16],
            guid: [3; 16],
        };
        let proof =
            Suite::Seventeen.hmac(b"password", &[&[2; 16], &7u32.to_le_bytes(), &[0x14, 5], b"ADMIN"]);
        assert!(challenge.is_proved(b"password", &proof));
        assert!(!challenge.is_proved(b"passwore", &proof) && !challenge.is_proved(b"password", &proof[1..]));
        let other = Challenge { random: [4; 16], ..challenge };
        assert!(!other.is_proved(b"password", &proof));
    }
}
