//! Conversations of several requests, each a machine of answers, so that what a BMC says in the middle of one is
//! tested without any BMC. Pure.

use api::bmc::Fault;

use super::failure::refusal;
use super::message::{Request, Response};

pub trait Dialogue: Send {
    type Outcome: Send;

    /// What is asked next, after the answer to what was asked before; none before the first.
    fn step(&mut self, last: Option<Response>) -> Result<Step<Self::Outcome>, Fault>;
}

pub enum Step<T> {
    /// With its name, for whoever reads that it was not answered.
    Ask(Request, &'static str),
    Done(T),
}

/// One request, and the data of its answer.
pub struct Single {
    request: Request,
    name: &'static str,
}

impl Single {
    pub fn new(request: Request, name: &'static str) -> Single {
        Single { request, name }
    }
}

impl Dialogue for Single {
    type Outcome = Vec<u8>;

    fn step(&mut self, last: Option<Response>) -> Result<Step<Vec<u8>>, Fault> {
        match last {
            None => Ok(Step::Ask(self.request.clone(), self.name)),
            Some(response) => done(self.name, &response, 0).map(|data| Step::Done(data.to_vec())),
        }
    }
}

/// The data of an answer that has to be "done", and to be so long at least.
pub fn done<'a>(what: &str, response: &'a Response, least: usize) -> Result<&'a [u8], Fault> {
    match response.completion {
        0 if response.data.len() >= least => Ok(&response.data),
        0 => Err(super::failure::short(what)),
        code => Err(refusal(what, code)),
    }
}

/// The little-endian word at a place that is known to be there.
pub fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

#[cfg(test)]
pub mod script {
    use super::*;

    /// Runs a dialogue against a function, and gives what it came to and what it asked.
    pub fn run<D: Dialogue>(
        mut dialogue: D,
        mut bmc: impl FnMut(&Request) -> (u8, Vec<u8>),
    ) -> (Result<D::Outcome, Fault>, Vec<Request>) {
        let (mut asked, mut last) = (Vec::new(), None);
        loop {
            assert!(asked.len() < 100_000, "it never ends");
            match dialogue.step(last.take()) {
                Err(fault) => return (Err(fault), asked),
                Ok(Step::Done(outcome)) => return (Ok(outcome), asked),
                Ok(Step::Ask(request, _)) => {
                    let (completion, data) = bmc(&request);
                    let (function, command) = (request.function as u8, request.command);
                    last = Some(Response { function, command, sequence: 0, completion, data });
                    asked.push(request);
                }
            }
        }
    }
}
