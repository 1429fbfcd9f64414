//! How a session is opened (IPMI 2.0, 13.17 to 13.23, 13.31): both sides prove that they know the password
//! without sending it, and make their keys from what they drew. Pure.

use super::packet::Malformed;
use super::suite::{Suite, same};

/// Maximum privilege of a session (table 13-17's requested level, 6.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Enough for power, boot device, sensors and log.
    Operator = 3,
    Administrator = 4,
}

/// The user is looked up by name alone (13.20), not by name and privilege.
const NAME_ONLY: u8 = 0x10;

/// What a console sends to open a session: everything that both sides' proofs cover.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub suite: Suite,
    pub level: Level,
    pub tag: u8,
    /// Our number for the session: packets to us carry it.
    pub console: u32,
    pub random: [u8; 16],
    pub name: Vec<u8>,
}

/// An answer while a session is opened: a refusal has a status (table 13-15) and nothing behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<T> {
    Refused(u8),
    Given(T),
}

/// The BMC's answer to an open request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The BMC's number for the session: packets to it carry it.
    pub bmc: u32,
    pub algorithms: [u8; 3],
}

/// What a BMC draws and proves in RAKP 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    pub random: [u8; 16],
    pub guid: [u8; 16],
}

impl Proposal {
    /// RMCP+ open session request (13.17).
    pub fn open_request(&self) -> Vec<u8> {
        // 0 asks for the highest level there is, as every client does; RAKP 1 says which one it is to be.
        let mut out = vec![self.tag, 0, 0, 0];
        out.extend(self.console.to_le_bytes());
        for (payload, algorithm) in (0..).zip(self.suite.algorithms()) {
            out.extend([payload, 0, 0, 8, algorithm, 0, 0, 0]);
        }
        out
    }

    pub fn opened(&self, payload: &[u8]) -> Result<Option<Reply<Opened>>, Malformed> {
        let Some(status) = self.mine(payload)? else { return Ok(None) };
        if status != 0 {
            return Ok(Some(Reply::Refused(status)));
        }
        let given = payload.get(..36).ok_or(Malformed::Short)?;
        let algorithms = [given[16], given[24], given[32]].map(|algorithm| algorithm & 0x3f);
        Ok(Some(Reply::Given(Opened { bmc: word(&given[8..12]), algorithms })))
    }

    /// RAKP 1 (13.20).
    pub fn rakp1(&self, opened: &Opened) -> Vec<u8> {
        let mut out = vec![self.tag, 0, 0, 0];
        out.extend(opened.bmc.to_le_bytes());
        out.extend(self.random);
        out.extend([self.role(), 0, 0, self.name.len() as u8]);
        out.extend(&self.name);
        out
    }

    /// What RAKP 2 (13.21) says, and whether its proof is that of someone who knows the password.
    pub fn challenged(
        &self,
        opened: &Opened,
        password: &[u8],
        payload: &[u8],
    ) -> Result<Option<Reply<(Challenge, bool)>>, Malformed> {
        let Some(status) = self.mine(payload)? else { return Ok(None) };
        if status != 0 {
            return Ok(Some(Reply::Refused(status)));
        }
        let (fixed, proof) = payload.split_at_checked(40).ok_or(Malformed::Short)?;
        let challenge = Challenge { random: sixteen(&fixed[8..24]), guid: sixteen(&fixed[24..40]) };
        let expected = self.bmc_proof(opened, &challenge, password);
        Ok(Some(Reply::Given((challenge, same(&expected, proof)))))
    }

    /// RAKP 3 (13.22) with our proof.
    pub fn rakp3(&self, opened: &Opened, challenge: &Challenge, password: &[u8]) -> Vec<u8> {
        let mut out = vec![self.tag, 0, 0, 0];
        out.extend(opened.bmc.to_le_bytes());
        out.extend(self.console_proof(challenge, password));
        out
    }

    /// RAKP 3 that says that RAKP 2 was not accepted: the BMC may forget this session now, not in a minute.
    pub fn rakp3_refusal(&self, opened: &Opened) -> Vec<u8> {
        const INVALID_INTEGRITY_CHECK: u8 = 0x0f;
        let mut out = vec![self.tag, INVALID_INTEGRITY_CHECK, 0, 0];
        out.extend(opened.bmc.to_le_bytes());
        out
    }

    /// Whether RAKP 4 (13.23) proves that the BMC came to the same keys.
    pub fn confirmed(
        &self,
        opened: &Opened,
        challenge: &Challenge,
        secret: &[u8],
        payload: &[u8],
    ) -> Result<Option<Reply<bool>>, Malformed> {
        let Some(status) = self.mine(payload)? else { return Ok(None) };
        if status != 0 {
            return Ok(Some(Reply::Refused(status)));
        }
        let code = payload.get(8..).ok_or(Malformed::Short)?;
        Ok(Some(Reply::Given(same(&self.bmc_code(opened, challenge, secret), code))))
    }

    /// The session integrity key (13.31), from the BMC's own key Kg, or from the password where it has none.
    pub fn integrity_key(&self, challenge: &Challenge, key: &[u8]) -> Vec<u8> {
        self.suite.hmac(key, &[&self.random, &challenge.random, &self.who(), &self.name])
    }

    pub fn bmc_proof(&self, opened: &Opened, challenge: &Challenge, password: &[u8]) -> Vec<u8> {
        let (console, bmc) = (self.console.to_le_bytes(), opened.bmc.to_le_bytes());
        let drawn = [&self.random, &challenge.random, &challenge.guid].map(|part| part.as_slice());
        let [ours, theirs, guid] = drawn;
        self.suite.hmac(password, &[&console, &bmc, ours, theirs, guid, &self.who(), &self.name])
    }

    pub fn console_proof(&self, challenge: &Challenge, password: &[u8]) -> Vec<u8> {
        let console = self.console.to_le_bytes();
        self.suite.hmac(password, &[&challenge.random, &console, &self.who(), &self.name])
    }

    pub fn bmc_code(&self, opened: &Opened, challenge: &Challenge, secret: &[u8]) -> Vec<u8> {
        self.suite.code(secret, &[&self.random, &opened.bmc.to_le_bytes(), &challenge.guid])
    }

    fn role(&self) -> u8 {
        NAME_ONLY | self.level as u8
    }

    fn who(&self) -> [u8; 2] {
        [self.role(), self.name.len() as u8]
    }

    /// The status of an answer to this proposal; none for one to another, which came late.
    fn mine(&self, payload: &[u8]) -> Result<Option<u8>, Malformed> {
        let [tag, status, ..] = payload else { return Err(Malformed::Short) };
        let session = word(payload.get(4..8).ok_or(Malformed::Short)?);
        // A refusal may have zeros in its place.
        let ours = session == self.console || (*status != 0 && session == 0);
        Ok((*tag == self.tag && ours).then_some(*status))
    }
}

/// The statuses of table 13-15, for people.
pub fn status_text(status: u8) -> &'static str {
    match status {
        0x01 => "it has no room for another session",
        0x02 => "it does not know the session",
        0x04 | 0x05 | 0x06 | 0x07 | 0x10 | 0x11 => "it does not do this cipher suite",
        0x08 => "the session went stale",
        0x09 | 0x0a => "the user may not have this privilege",
        0x0b => "it has no room for another session with this privilege",
        0x0c => "the user's name is too long for it",
        0x0d => "it does not know the user, or the user is disabled for IPMI over LAN",
        0x0e => "it does not accept its own GUID",
        0x0f => "it does not accept our proof: the password or the BMC key (Kg) is wrong",
        _ => "it refuses the request",
    }
}

/// A status that says nothing about name and password: all sessions are taken (table 13-15).
pub fn is_about_room(status: u8) -> bool {
    matches!(status, 0x01 | 0x0b)
}

/// A status that another suite may not get.
pub fn is_about_suite(status: u8) -> bool {
    matches!(status, 0x04..=0x07 | 0x10..=0x12)
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

fn sixteen(bytes: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(bytes);
    out
}
