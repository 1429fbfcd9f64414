//! The table `lease`: who has which address. Leases are kept by MAC, never by client id: one machine
//! shows another id in its firmware, its RAM agent and its installed OS, and is to keep one address.

use std::net::Ipv4Addr;

use api::id::Mac;
pub use api::lease::LeaseState;

use super::{Conn, Error, Result, Side, Store, of_ids, on, statement};

/// How long an offer is kept for the client that was told of it: OVMF takes 4 s to answer, and retries
/// for a minute.
const OFFER: i64 = 60 * SECOND;
/// How long an address that a client found in use by someone else is given to nobody.
const PROBATION: i64 = 3600 * SECOND;
const SECOND: i64 = 1_000_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub address: Ipv4Addr,
    pub network: String,
    /// May be anyone's; else it is kept for one MAC, or no longer named by the site file.
    pub pooled: bool,
    /// Who has it, or had it last.
    pub mac: Option<Mac>,
    pub state: LeaseState,
    /// When it ends, in microseconds since 1970; when past, since when it is free.
    pub until: i64,
}

/// Who asks for an address, where and when.
#[derive(Debug, Clone)]
pub struct Wish {
    pub mac: Mac,
    pub network: String,
    /// Kept for this MAC by the site file.
    pub reserved: Option<Ipv4Addr>,
    /// What the client itself remembers: with an empty database the best there is.
    pub remembered: Option<Ipv4Addr>,
    pub now: i64,
}

/// The addresses of one network as the site file names them.
#[derive(Debug, Clone)]
pub struct Addresses {
    pub network: String,
    /// First and last of each pool, both included.
    pub pools: Vec<(Ipv4Addr, Ipv4Addr)>,
    /// Kept for one MAC each, inside or outside the pools.
    pub reserved: Vec<Ipv4Addr>,
    /// Inside a pool and yet given to nobody, the server's own among them.
    pub excluded: Vec<Ipv4Addr>,
}

type Row = (i64, String, bool, Option<String>, String, i64);

impl Store {
    /// Makes a row for each address of the site; what a client holds stays its own.
    pub async fn lease_site(&self, networks: Vec<Addresses>) -> Result<()> {
        self.write(move |conn| Box::pin(async move { load(conn, &networks).await })).await
    }

    /// The address for this MAC, kept for it from now: what the site file reserves, what it has, what it
    /// had last, what it remembers, else the one that is free the longest. None: nothing is free.
    pub async fn lease_offer(&self, wish: Wish) -> Result<Option<Lease>> {
        // A machine that keeps its address, which is nearly every packet, writes nothing.
        let held = self.leases_of(wish.mac).await?.into_iter().find(|lease| holds(lease, &wish));
        match held {
            Some(lease) => Ok(Some(lease)),
            None => self.write(move |conn| Box::pin(async move { offer(conn, &wish).await })).await,
        }
    }

    /// False when the address is another's by now. True is a promise that outlives a power cut.
    pub async fn lease_commit(&self, mac: Mac, address: Ipv4Addr, until: i64, now: i64) -> Result<bool> {
        self.write(move |conn| Box::pin(async move { commit(conn, mac, address, until, now).await })).await
    }

    pub async fn lease_release(&self, mac: Mac, address: Ipv4Addr, now: i64) -> Result<()> {
        let sql =
            "UPDATE lease SET state = 'free', until = $1 WHERE address = $2 AND mac = $3 AND until > $1";
        self.lease_end(sql, now, address, mac).await
    }

    /// Only its holder can say so, or one packet a second would empty the pool.
    pub async fn lease_decline(&self, mac: Mac, address: Ipv4Addr, now: i64) -> Result<()> {
        let sql =
            "UPDATE lease SET state = 'declined', mac = NULL, until = $1 WHERE address = $2 AND mac = $3";
        self.lease_end(sql, now + PROBATION, address, mac).await
    }

    pub async fn lease_by_ip(&self, address: Ipv4Addr) -> Result<Option<Lease>> {
        let sql = "SELECT address, network, pooled, mac, state, until FROM lease WHERE address = $1";
        let row: Option<Row> =
            on!(self.read(), p => sqlx::query_as(sql).bind(number(address)).fetch_optional(p).await)?;
        row.map(lease).transpose()
    }

    /// What this MAC has or had, the newest first.
    pub async fn leases_of(&self, mac: Mac) -> Result<Vec<Lease>> {
        let sql = "SELECT address, network, pooled, mac, state, until FROM lease WHERE mac = $1 ORDER BY until DESC";
        let rows: Vec<Row> =
            on!(self.read(), p => sqlx::query_as(sql).bind(mac.to_string()).fetch_all(p).await)?;
        rows.into_iter().map(lease).collect()
    }

    /// Addresses after `after` that someone has or had, or that an operator keeps for someone.
    pub async fn lease_list(&self, after: Option<Ipv4Addr>, limit: i64) -> Result<Vec<Lease>> {
        let sql = "SELECT address, network, pooled, mac, state, until FROM lease
                   WHERE address > $1 AND (state <> 'free'
                       OR EXISTS (SELECT 1 FROM reservation WHERE reservation.address = lease.address))
                   ORDER BY address LIMIT $2";
        let after = after.map_or(-1, number);
        let rows: Vec<Row> =
            on!(self.read(), p => sqlx::query_as(sql).bind(after).bind(limit).fetch_all(p).await)?;
        rows.into_iter().map(lease).collect()
    }

    /// (machine, address) of these machines, each machine's newest lease first.
    pub async fn lease_addresses(&self, ids: &[String]) -> Result<Vec<(String, Ipv4Addr)>> {
        let sql =
            "SELECT interface.machine, lease.address FROM interface JOIN lease ON lease.mac = interface.mac
                   WHERE interface.machine IN ($1) AND lease.state = 'leased'
                   ORDER BY interface.machine, lease.until DESC";
        let rows: Vec<(String, i64)> = of_ids!(self, sql, ids)?;
        rows.into_iter().map(|(machine, number)| Ok((machine, address(number)?))).collect()
    }

    async fn lease_end(&self, sql: &'static str, until: i64, address: Ipv4Addr, mac: Mac) -> Result<()> {
        statement!(self, sqlx::query(sql).bind(until).bind(number(address)).bind(mac.to_string())).map(drop)
    }
}

/// Whether this is the answer as it stands, with time left for the client to take it.
fn holds(lease: &Lease, wish: &Wish) -> bool {
    let alive = match lease.state {
        LeaseState::Leased => lease.until > wish.now,
        LeaseState::Offered => lease.until > wish.now + OFFER / 2,
        LeaseState::Free | LeaseState::Declined => false,
    };
    let right = match wish.reserved {
        Some(reserved) => lease.address == reserved,
        None => lease.pooled,
    };
    alive && right && lease.network == wish.network
}

async fn load(conn: &mut Conn, networks: &[Addresses]) -> Result<()> {
    let sql = "UPDATE lease SET pooled = FALSE WHERE pooled";
    on!(conn, c => sqlx::query(sql).execute(&mut **c).await.map(drop))?;
    for network in networks {
        for (first, last) in &network.pools {
            rows(conn, &network.network, *first, *last, true).await?;
        }
        for address in network.reserved.iter().chain(&network.excluded) {
            rows(conn, &network.network, *address, *address, false).await?;
        }
    }
    super::reservation::keep_all(conn).await
}

async fn rows(conn: &mut Conn, network: &str, first: Ipv4Addr, last: Ipv4Addr, pooled: bool) -> Result<()> {
    // `WHERE TRUE` tells SQLite that ON CONFLICT is not a join's ON.
    let sql = "WITH RECURSIVE pool (address) AS (
                   SELECT CAST($1 AS BIGINT) UNION ALL SELECT address + 1 FROM pool WHERE address < $2)
               INSERT INTO lease (address, network, pooled, mac, state, until)
               SELECT address, CAST($3 AS TEXT), CAST($4 AS BOOLEAN), NULL, 'free', 0 FROM pool WHERE TRUE
               ON CONFLICT (address) DO UPDATE SET network = excluded.network, pooled = excluded.pooled";
    on!(conn, c => sqlx::query(sql).bind(number(first)).bind(number(last)).bind(network).bind(pooled)
        .execute(&mut **c).await.map(drop))?;
    Ok(())
}

async fn offer(conn: &mut Conn, wish: &Wish) -> Result<Option<Lease>> {
    for address in wish.reserved.into_iter().chain(own(conn, wish).await?) {
        if let Some(lease) = hold(conn, wish, address).await? {
            return Ok(Some(lease));
        }
    }
    let remembered = match wish.remembered {
        Some(address) if is_pooled(conn, wish, address).await? => hold(conn, wish, address).await?,
        _ => None,
    };
    match remembered {
        Some(lease) => Ok(Some(lease)),
        None => match longest_free(conn, wish).await? {
            Some(address) => hold(conn, wish, address).await,
            None => Ok(None),
        },
    }
}

/// What this MAC has or had here: an address kept for it by an older site file is not among them.
async fn own(conn: &mut Conn, wish: &Wish) -> Result<Vec<Ipv4Addr>> {
    let sql = "SELECT address FROM lease WHERE mac = $1 AND network = $2 AND pooled ORDER BY until DESC";
    let rows: Vec<(i64,)> = on!(conn, c => sqlx::query_as(sql).bind(wish.mac.to_string()).bind(&wish.network)
        .fetch_all(&mut **c).await)?;
    rows.into_iter().map(|(n,)| address(n)).collect()
}

async fn is_pooled(conn: &mut Conn, wish: &Wish, address: Ipv4Addr) -> Result<bool> {
    let sql = "SELECT address FROM lease WHERE address = $1 AND network = $2 AND pooled";
    let row: Option<(i64,)> = on!(conn, c => sqlx::query_as(sql).bind(number(address)).bind(&wish.network)
        .fetch_optional(&mut **c).await)?;
    Ok(row.is_some())
}

async fn longest_free(conn: &mut Conn, wish: &Wish) -> Result<Option<Ipv4Addr>> {
    let row: Option<(i64,)> = match conn {
        Side::Sqlite(c) => {
            let sql = "SELECT address FROM lease WHERE network = $1 AND pooled AND until <= $2
                       ORDER BY until, address LIMIT 1";
            sqlx::query_as(sql).bind(&wish.network).bind(wish.now).fetch_optional(&mut **c).await?
        }
        // Without SKIP LOCKED all clients of a power-on would queue for the same first row.
        Side::Pg(c) => {
            let sql = "SELECT address FROM lease WHERE network = $1 AND pooled AND until <= $2
                       ORDER BY until, address LIMIT 1 FOR UPDATE SKIP LOCKED";
            sqlx::query_as(sql).bind(&wish.network).bind(wish.now).fetch_optional(&mut **c).await?
        }
    };
    row.map(|(n,)| address(n)).transpose()
}

/// Keeps an address for this MAC unless another has it. A lease that runs stays a lease.
async fn hold(conn: &mut Conn, wish: &Wish, address: Ipv4Addr) -> Result<Option<Lease>> {
    let sql = "UPDATE lease SET mac = $1,
                   state = CASE WHEN state = 'leased' AND until > $2 THEN state ELSE 'offered' END,
                   until = CASE WHEN until > $3 THEN until ELSE $3 END
               WHERE address = $4 AND (until <= $2 OR mac = $1)
               RETURNING address, network, pooled, mac, state, until";
    let row: Option<Row> = on!(conn, c => sqlx::query_as(sql).bind(wish.mac.to_string()).bind(wish.now)
        .bind(wish.now + OFFER).bind(number(address)).fetch_optional(&mut **c).await)?;
    row.map(lease).transpose()
}

async fn commit(conn: &mut Conn, mac: Mac, address: Ipv4Addr, until: i64, now: i64) -> Result<bool> {
    let sql = "UPDATE lease SET mac = $1, state = 'leased', until = $2
               WHERE address = $3 AND (until <= $4 OR mac = $1)";
    let changed = on!(conn, c => sqlx::query(sql).bind(mac.to_string()).bind(until).bind(number(address)).bind(now)
        .execute(&mut **c).await.map(|done| done.rows_affected()))?;
    if changed == 0 {
        return Ok(false);
    }
    // It moved here, by a new reservation for one: the address it had is free.
    let sql = "UPDATE lease SET state = 'free', until = $1
               WHERE mac = $2 AND address <> $3 AND until > $1
                 AND network = (SELECT network FROM lease WHERE address = $3)";
    on!(conn, c => sqlx::query(sql).bind(now).bind(mac.to_string()).bind(number(address))
        .execute(&mut **c).await.map(drop))?;
    Ok(true)
}

fn lease((n, network, pooled, mac, state, until): Row) -> Result<Lease> {
    let mac = mac.map(|text| super::stored("lease.mac", &text)).transpose()?;
    Ok(Lease {
        address: address(n)?,
        network,
        pooled,
        mac,
        state: super::stored("lease.state", &state)?,
        until,
    })
}

pub(super) fn number(address: Ipv4Addr) -> i64 {
    i64::from(u32::from(address))
}

pub(super) fn address(number: i64) -> Result<Ipv4Addr> {
    let bits = u32::try_from(number)
        .map_err(|_| Error::Stored { place: "lease.address", text: number.to_string() })?;
    Ok(Ipv4Addr::from(bits))
}
