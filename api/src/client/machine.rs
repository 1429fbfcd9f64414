//! Calls about machines.

use super::{Client, Error};
use crate::import::{ImportRow, Imported};
use crate::label::LabelChange;
use crate::machine::{Allowed, Erasure, EventQuery, LogEntry, Machine, MachineDetail, MachineEvent, Why};
use crate::order::Order;
use crate::routes::operator;
use crate::tombstone::Tombstone;
use crate::who::{MergeInto, Rename, Split};
use crate::wipe::{WipePreview, WipeWish};

impl Client {
    /// All machines, page by page.
    pub async fn machines(&self) -> Result<Vec<Machine>, Error> {
        self.pages(operator::MACHINES).await
    }

    /// `reference`: hostname, or a prefix of a MAC, serial or id that is one machine's only.
    pub async fn machine(&self, reference: &str) -> Result<MachineDetail, Error> {
        self.get(&operator::machine(reference)).await
    }

    pub async fn verb(&self, reference: &str, verb: &str) -> Result<Machine, Error> {
        self.verb_with(reference, verb, Allowed::default()).await
    }

    /// A verb with what a person allows beside it.
    pub async fn verb_with(&self, reference: &str, verb: &str, allowed: Allowed) -> Result<Machine, Error> {
        self.order(reference, (verb, allowed), &Order::default()).await
    }

    /// A verb that needs more than its name, such as the disks that a wipe means.
    pub async fn order(
        &self,
        reference: &str,
        (verb, allowed): (&str, Allowed),
        order: &Order,
    ) -> Result<Machine, Error> {
        let Allowed { erase_foreign, powered_off, force, unseen } = allowed;
        let query =
            format!("erase_foreign={erase_foreign}&powered_off={powered_off}&force={force}&unseen={unseen}");
        self.ask(&format!("{}?{query}", operator::verb(reference, verb)), order).await
    }

    /// What a wipe with this wish would erase now.
    pub async fn wipe_preview(&self, reference: &str, wish: &WipeWish) -> Result<WipePreview, Error> {
        let WipeWish { scope, erase_foreign, .. } = wish;
        let query = format!("scope={}&erase_foreign={erase_foreign}", scope.as_str());
        self.get(&format!("{}?{query}", operator::wipe_preview(reference))).await
    }

    /// `erase_foreign`: as one who would also let somebody else's install go.
    pub async fn erasure(&self, reference: &str, erase_foreign: bool) -> Result<Erasure, Error> {
        self.get(&format!("{}?erase_foreign={erase_foreign}", operator::erasure(reference))).await
    }

    pub async fn logs(&self, reference: &str) -> Result<Vec<LogEntry>, Error> {
        self.get(&operator::logs(reference)).await
    }

    pub async fn why(&self, reference: &str) -> Result<Why, Error> {
        self.get(&operator::why(reference)).await
    }

    pub async fn label(&self, reference: &str, change: &LabelChange) -> Result<Machine, Error> {
        self.ask(&operator::labels(reference), change).await
    }

    pub async fn merge(&self, reference: &str, merge: &MergeInto) -> Result<Machine, Error> {
        self.ask(&operator::merge(reference), merge).await
    }

    pub async fn split(&self, reference: &str, split: &Split) -> Result<Machine, Error> {
        self.ask(&operator::split(reference), split).await
    }

    pub async fn rename(&self, reference: &str, rename: &Rename) -> Result<Machine, Error> {
        self.ask(&operator::rename(reference), rename).await
    }

    /// Machines that were deleted, newest first.
    pub async fn tombstones(&self) -> Result<Vec<Tombstone>, Error> {
        self.get(operator::TOMBSTONES).await
    }

    /// `dry_run`: only says what would happen.
    pub async fn import(&self, rows: &[ImportRow], dry_run: bool) -> Result<Imported, Error> {
        self.ask(&format!("{}?dry_run={dry_run}", operator::IMPORT), &rows).await
    }

    /// The oldest first.
    pub async fn history(&self, query: &EventQuery) -> Result<Vec<MachineEvent>, Error> {
        let EventQuery { machine, since, limit } = query;
        let parts = [
            machine.as_ref().map(|machine| format!("machine={machine}")),
            since.map(|since| format!("since={since}")),
            limit.map(|limit| format!("limit={limit}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        self.get(&format!("{}?{}", operator::HISTORY, parts.join("&"))).await
    }
}
