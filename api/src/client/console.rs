//! The call that becomes a console.

use reqwest::header::{CONNECTION, UPGRADE};
use reqwest::{Method, StatusCode};

use super::{Client, Error, refusal, unreachable};
use crate::console::PROTOCOL;
use crate::routes::operator;

/// Both directions of a console, in frames.
pub type Stream = reqwest::Upgraded;

impl Client {
    /// A machine's serial console. `take`: whoever else has it loses it.
    pub async fn console(&self, reference: &str, take: bool) -> Result<Stream, Error> {
        let path = format!("{}?take={take}", operator::console(reference));
        let url = format!("{}{path}", self.base);
        let lost = |e: reqwest::Error| unreachable(url.clone(), &e);
        let request =
            self.request(Method::POST, &path).header(CONNECTION, "upgrade").header(UPGRADE, PROTOCOL);
        let response = request.send().await.map_err(lost)?;
        match response.status() {
            StatusCode::SWITCHING_PROTOCOLS => response.upgrade().await.map_err(lost),
            status if status.is_success() => Err(Error::Garbled {
                url: url.clone(),
                cause: format!("{status} in the place of an upgrade"),
            }),
            _ => Err(refusal(response).await),
        }
    }
}
