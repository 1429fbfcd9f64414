//! Calls about what machines are made of, the addresses of the rack, and who may do what in it.

use reqwest::Method;

use super::{Client, Error, read};
use crate::id::Mac;
use crate::image::{FileCheck, Manifest};
use crate::lease::LeaseView;
use crate::machine::{ProfileSettings, ProfileView, Reservation};
use crate::routes::operator;
use crate::site::{SiteApplied, SiteText};
use crate::user::{AuditEntry, AuditQuery, Issued, NewUser, User};

impl Client {
    pub async fn profiles(&self) -> Result<Vec<ProfileView>, Error> {
        self.get(operator::PROFILES).await
    }

    pub async fn profile(&self, name: &str) -> Result<ProfileSettings, Error> {
        self.get(&operator::profile(name)).await
    }

    pub async fn images(&self) -> Result<Vec<Manifest>, Error> {
        self.get(operator::IMAGES).await
    }

    pub async fn image(&self, name: &str) -> Result<Manifest, Error> {
        self.get(&operator::image(name)).await
    }

    /// Takes as long as the server needs to read all of it.
    pub async fn image_verify(&self, name: &str) -> Result<Vec<FileCheck>, Error> {
        self.ask(&operator::image_verb(name, "verify"), &()).await
    }

    pub async fn image_file(
        &self,
        image: &str,
        file: &str,
        bytes: impl Into<reqwest::Body>,
        size: u64,
    ) -> Result<(), Error> {
        self.upload(&operator::image_file(image, file), bytes, size).await
    }

    pub async fn image_import(&self, name: &str) -> Result<Manifest, Error> {
        self.ask(&operator::image_verb(name, "import"), &()).await
    }

    pub async fn image_delete(&self, name: &str) -> Result<(), Error> {
        self.call::<()>(Method::DELETE, &operator::image(name), None::<&()>).await.map(drop)
    }

    pub async fn site(&self) -> Result<SiteText, Error> {
        self.get(operator::SITE).await
    }

    pub async fn site_apply(&self, text: String) -> Result<SiteApplied, Error> {
        let request = self.request(Method::PUT, operator::SITE).body(text);
        let answer = read(self.send(operator::SITE, request).await?).await?;
        answer.ok_or_else(|| Error::Garbled { url: operator::SITE.into(), cause: "an empty answer".into() })
    }

    /// All leases, page by page.
    pub async fn leases(&self) -> Result<Vec<LeaseView>, Error> {
        self.pages(operator::LEASES).await
    }

    pub async fn reserve(&self, reservation: Reservation) -> Result<Reservation, Error> {
        self.ask(operator::RESERVATIONS, &reservation).await
    }

    pub async fn unreserve(&self, mac: Mac) -> Result<(), Error> {
        self.call::<()>(Method::DELETE, &operator::reservation(mac), None::<&()>).await.map(drop)
    }

    pub async fn users(&self) -> Result<Vec<User>, Error> {
        self.get(operator::USERS).await
    }

    pub async fn user_add(&self, new: &NewUser) -> Result<Issued, Error> {
        self.ask(operator::USERS, new).await
    }

    pub async fn user_revoke(&self, name: &str) -> Result<(), Error> {
        self.call::<()>(Method::DELETE, &operator::user(name), None::<&()>).await.map(drop)
    }

    pub async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, Error> {
        let parts = [
            ("who", query.who.clone()),
            ("subject", query.subject.clone()),
            ("before", query.before.clone()),
            ("limit", query.limit.map(|limit| limit.to_string())),
        ];
        let given = parts.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
        self.get(&format!("{}?{}", operator::AUDIT, given.collect::<Vec<_>>().join("&"))).await
    }
}
