//! By which a person says who a machine is: merged with another's row, split into two, renamed. They end a quarantine.

use api::event::Event;
use api::id::{Mac, MachineId};
use api::state::{Home, Life, State};
use api::who::Doubt;

use super::identity::{macs, move_all, remark, remember, take_ports};
use super::machine::{Birth, insert, row};
use super::{Conn, Result, Store, lock, on, stored};

impl Store {
    /// A person says that `from` is `into`: its ports and hardware become `into`'s, its row goes. With itself: its
    /// hardware is its own, whatever it was before, or one system alone speaks in its name again. False where `from`
    /// has an install, or one under way.
    pub async fn machine_merge(
        &self,
        from: &MachineId,
        into: &MachineId,
        who: &str,
        now: i64,
    ) -> Result<bool> {
        let (source, target, who) = (from.clone(), into.clone(), who.to_string());
        let merged = self
            .write(move |conn| Box::pin(async move { merge(conn, source, target, &who, now).await }))
            .await?;
        self.changed(from);
        self.changed(into);
        Ok(merged)
    }

    /// A person says that these ports are another machine's: they get a row of their own, `id`.
    pub async fn machine_split(
        &self,
        machine: &MachineId,
        (id, macs, enrolled): (MachineId, Vec<Mac>, bool),
        who: &str,
        now: i64,
    ) -> Result<()> {
        let (from, new, who) = (machine.clone(), id.clone(), who.to_string());
        self.write(move |conn| {
            Box::pin(async move { split(conn, &from, (new, macs, enrolled), &who, now).await })
        })
        .await?;
        self.changed(machine);
        self.changed(&id);
        Ok(())
    }

    /// False where another machine has the name.
    pub async fn machine_rename(
        &self,
        machine: &MachineId,
        hostname: &str,
        who: &str,
        now: i64,
    ) -> Result<bool> {
        let (id, hostname, who) = (machine.clone(), hostname.to_string(), who.to_string());
        let renamed = self
            .write(move |conn| Box::pin(async move { rename(conn, &id, hostname, &who, now).await }))
            .await?;
        self.changed(machine);
        Ok(renamed)
    }
}

/// What is in doubt about it.
async fn about(conn: &mut Conn, id: &MachineId) -> Result<Option<Doubt>> {
    let sql = "SELECT about FROM quarantine WHERE machine = $1";
    let about: Option<(String,)> =
        on!(conn, c => sqlx::query_as(sql).bind(&id.0).fetch_optional(&mut **c).await)?;
    about.map(|(text,)| stored("quarantine.about", &text)).transpose()
}

async fn end_quarantine(conn: &mut Conn, id: &MachineId, who: &str, now: i64) -> Result<()> {
    let sql = "DELETE FROM quarantine WHERE machine = $1 RETURNING held";
    let ended: Option<(bool,)> =
        on!(conn, c => sqlx::query_as(sql).bind(&id.0).fetch_optional(&mut **c).await)?;
    // Whoever had it on hold before lets it go.
    if ended == Some((false,)) {
        super::apply::apply(conn, id, &Event::Release, who, now).await?;
    }
    Ok(())
}

async fn merge(conn: &mut Conn, from: MachineId, into: MachineId, who: &str, now: i64) -> Result<bool> {
    lock(conn, &from).await?;
    let clear = "DELETE FROM identifier WHERE machine = $1";
    let move_on = "UPDATE identifier SET machine = $2 WHERE machine = $1";
    let source = row(conn, &from).await?;
    if from == into {
        // Of two systems one may run in somebody else's hardware: what is known of its own stays.
        let note = if about(conn, &from).await? == Some(Doubt::Sessions) {
            "one system alone speaks in its name again"
        } else {
            on!(conn, c => sqlx::query(clear).bind(&from.0).execute(&mut **c).await.map(drop))?;
            "its hardware is its own, whatever it was before"
        };
        remark(conn, &into, "merged", note.into(), (who, now)).await?;
        end_quarantine(conn, &into, who, now).await?;
        return Ok(true);
    }
    if !nothing_is_lost(&source.life()?) {
        return Ok(false);
    }
    row(conn, &into).await?;
    // The old parts are history: what the next boot finds is compared with nothing older than this.
    on!(conn, c => sqlx::query(clear).bind(&into.0).execute(&mut **c).await.map(drop))?;
    on!(conn, c => sqlx::query(move_on).bind(&from.0).bind(&into.0).execute(&mut **c).await.map(drop))?;
    if source.home() == Some(Home::Ram) {
        remember(conn, &source.boot_id, &into, now).await?;
    }
    let ports = macs(conn, &from).await?.join(", ");
    move_all(conn, &from, &into).await?;
    remark(conn, &into, "merged", format!("{} with port {ports} is this machine", source.name()), (who, now))
        .await?;
    end_quarantine(conn, &into, who, now).await?;
    Ok(true)
}

/// Nothing of it is installed, and nobody is about to.
fn nothing_is_lost(life: &Life) -> bool {
    use State as S;
    let rests = matches!(
        life.state,
        S::Discovered | S::Inspecting | S::Available | S::Rescue | S::Retired | S::Failed
    );
    rests && life.installed == 0
}

async fn split(
    conn: &mut Conn,
    machine: &MachineId,
    (id, macs, enrolled): (MachineId, Vec<Mac>, bool),
    who: &str,
    now: i64,
) -> Result<()> {
    lock(conn, machine).await?;
    let from = row(conn, machine).await?;
    let note = format!("{} is another machine's", list(&macs));
    let evidence = format!("was split from {}", from.name());
    insert(conn, Birth { enrolled, evidence, ..Birth::default() }, id.clone(), now).await?;
    take_ports(conn, machine, &id, &macs).await?;
    if from.home() == Some(Home::Ram) {
        remember(conn, &from.boot_id, &id, now).await?;
    }
    remark(conn, machine, "split", note, (who, now)).await?;
    end_quarantine(conn, machine, who, now).await
}

fn list(macs: &[Mac]) -> String {
    macs.iter().map(Mac::to_string).collect::<Vec<_>>().join(", ")
}

async fn rename(conn: &mut Conn, id: &MachineId, hostname: String, who: &str, now: i64) -> Result<bool> {
    lock(conn, id).await?;
    let old = row(conn, id).await?;
    let sql = "UPDATE machine SET hostname = $2, version = version + 1 WHERE id = $1 \
               AND NOT EXISTS (SELECT 1 FROM machine other WHERE other.hostname = $2 AND other.id <> $1)";
    let rows = on!(conn, c => sqlx::query(sql).bind(&id.0).bind(&hostname).execute(&mut **c).await.map(|r| r.rows_affected()))?;
    if rows == 1 {
        remark(conn, id, "renamed", format!("{} is {hostname} now", old.name()), (who, now)).await?;
    }
    Ok(rows == 1)
}
